import { DEFAULT_CODE_FORMAT, type CodeFormat, type HmacSha256 } from '../../domain/gift-cards/code.ts';
import type { CodeKeys, GiftCardRepository } from '../../domain/gift-cards/gift-card-repository.ts';
import type { HouseAccount } from '../../domain/gift-cards/journal.ts';
import type { Call } from '../shared/call.ts';
import type { GuessGuard } from '../shared/guess-guard.ts';
import type { Job, JobQueue } from '../shared/job-queue.ts';
import type { Mailer } from '../shared/mailer.ts';
import type { Sealer } from '../shared/sealer.ts';
import type { BulkIssuer, RecipientEraser } from './bulk-issuer.ts';
import type { CommandReader, GiftCardReader } from './gift-card-reader.ts';
import type { OrderMarks } from './order-marks.ts';

/** Turns codes into the keys by which cards are looked up, under peppers that only the service knows. */
export interface CodeVault {
  /** The look-up keys of a code's body, one for each pepper, the newest first; always the same for the same body. */
  keysOf(body: string): CodeKeys;
  /** Which pepper the first key is made with. */
  readonly newestPepperId: string;
}

/** What is for whoever runs the service to decide. */
export interface GiftCardPolicy {
  /** When a card that is issued now expires, unless its issuer says otherwise; null: never. */
  expiry(now: Date, currency: string): Date | null;
  /** Where the remainder of expired cards goes. */
  readonly expiryAccount: HouseAccount;
  /** How long payments for a cancelled order are refused. */
  readonly cancelMarkSeconds: number;
  /** How new codes are written. */
  readonly codeFormat: CodeFormat;
  /** Lengths of all codes in use, the old ones included. */
  readonly codeLengths: readonly number[];
  /** How long the codes of a batch can be downloaded. */
  readonly batchCodesSeconds: number;
  /** How long the code of a mail is kept that can't be delivered. */
  readonly mailCodesSeconds: number;
  /** Batches up to this count are issued while the caller waits. */
  readonly bulkInlineMax: number;
  /** Cards in one commit of a large batch; what is held in memory at a time. */
  readonly bulkChunk: number;
}

const DAY_SECONDS = 24 * 3600;

/** Cards expire after a year, into breakage income. */
export const DEFAULT_POLICY: GiftCardPolicy = Object.freeze({
  expiry: (now: Date) => yearsLater(now, 1),
  expiryAccount: 'breakage',
  cancelMarkSeconds: 30 * DAY_SECONDS,
  codeFormat: DEFAULT_CODE_FORMAT,
  codeLengths: [DEFAULT_CODE_FORMAT.length],
  batchCodesSeconds: 7 * DAY_SECONDS,
  mailCodesSeconds: 7 * DAY_SECONDS,
  bulkInlineMax: 1000,
  bulkChunk: 10_000,
});

/** The same day and time of another year in UTC; 1 March for 29 February where that year has none. */
export function yearsLater(from: Date, years: number): Date {
  const date = new Date(from);
  date.setUTCFullYear(date.getUTCFullYear() + years);
  return date;
}

/** What gift cards need of a job queue. */
export interface GiftCardJobs extends Pick<JobQueue, 'requireRoom'> {
  get(jobId: string): Promise<Pick<Job, 'state'> | undefined>;
}

/** What a command reads before it is decided on: in the transaction that it joins, or else it would wait for another. */
export function readerFor({ reader }: Pick<GiftCardPorts, 'reader'>, { unit }: Pick<Call, 'unit'>): CommandReader {
  return unit === undefined ? reader : reader.within(unit);
}

/** All that gift cards need from outside. A use case asks for the part that it uses. */
export interface GiftCardPorts {
  readonly cards: GiftCardRepository;
  readonly reader: GiftCardReader;
  readonly bulk: BulkIssuer;
  readonly eraser: RecipientEraser;
  readonly marks: OrderMarks;
  readonly vault: CodeVault;
  readonly sealer: Sealer;
  readonly guard: GuessGuard;
  readonly mailer: Mailer;
  /** Asked before a command requests a job, and what became of one; the request itself goes with what a command stores. */
  readonly jobs: GiftCardJobs;
  readonly policy: GiftCardPolicy;
  /** A new version 7 UUID. */
  readonly ids: () => string;
  /** As many cryptographically random bytes as are asked for. */
  readonly randomBytes: (count: number) => Uint8Array;
  readonly hmacSha256: HmacSha256;
  /** Resolves in a later turn of the event loop, after whatever waits for this one: long computations pause by it. */
  readonly nextTurn: () => Promise<void>;
}
