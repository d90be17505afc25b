import { randomFillSync } from 'node:crypto';
import {
  DEFAULT_POLICY,
  giftCardHandlers,
  giftCards,
  type BulkIssuer,
  type GiftCardJobs,
  type GiftCardPolicy,
  type GiftCardPorts,
  type GiftCardReader,
  type OrderMarks,
  type RecipientEraser,
} from '../application/gift-cards/index.ts';
import type { Principal } from '../application/shared/call.ts';
import { inProcessClient, type InProcessClient } from '../application/shared/client.ts';
import type { GuessGuard } from '../application/shared/guess-guard.ts';
import { MailUnavailable, type Mailer } from '../application/shared/mailer.ts';
import { compile, type CompiledOperation, type PipelineHooks } from '../application/shared/pipeline.ts';
import { positionTokens, type PositionTokens } from '../application/shared/position-tokens.ts';
import type { GiftCardRepository } from '../domain/gift-cards/gift-card-repository.ts';
import { createGuessGuard } from '../infrastructure/rate-limit/guess-guard.ts';
import { SlidingWindows } from '../infrastructure/rate-limit/sliding-windows.ts';
import { createCodeVault } from '../infrastructure/system/code-vault.ts';
import { hmacSha256 } from '../infrastructure/system/keyed-hash.ts';
import { nextTurn } from '../infrastructure/system/pause.ts';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import { createSealer } from '../infrastructure/system/sealer.ts';
import { uuidv7 } from '../infrastructure/system/uuid.ts';
import * as schemas from './config-schemas.ts';
import { mustNotBeKept } from './must-not-be-kept.ts';
import { receiptHash } from './receipt-hash.ts';

/** Where gift cards are kept: what a storage technology, Portolan's or one's own, has to offer. */
export interface GiftCardAdapters {
  readonly repository: GiftCardRepository;
  readonly reader: GiftCardReader;
  readonly bulkIssuer: BulkIssuer;
  readonly eraser: RecipientEraser;
  readonly marks: OrderMarks;
}

export interface GiftCardServiceOptions {
  /**
   * Secrets that codes, receipts and sealed answers stand on, the newest first; also as text like the variable PEPPERS,
   * `id:base64` of 32 bytes or more. Without them no code is valid.
   */
  readonly peppers: readonly Pepper[] | string;
  /** What differs from `DEFAULT_POLICY`. */
  readonly policy?: Partial<GiftCardPolicy>;
  /** Sends codes by e-mail. Without one a delivery fails, and is tried again later. */
  readonly mailer?: Mailer;
  /** Refuses commands that request jobs for which there is no room. Without one there always is. */
  readonly jobs?: GiftCardJobs;
  /** Slows down whoever tries codes. Default: 10 refused attempts a minute for each principal but system ones. */
  readonly guard?: GuessGuard;
  /**
   * How log positions are written in answers and read from `after`. Default: without the log's epoch, so that a position
   * from before the database was restored is misunderstood.
   */
  readonly positions?: PositionTokens;
  /** Rate limits, metrics and spans around each call. */
  readonly hooks?: Omit<PipelineHooks, 'hash' | 'mustNotBeKept'>;
}

/** Gift cards inside of another program. */
export interface GiftCardService {
  /** For `createHttpApi`. */
  readonly operations: ReadonlyMap<string, CompiledOperation>;
  /** For `createHttpApi`, so that positions mean the same there. */
  readonly positions: PositionTokens;
  /** For `giftCardJobs`, `giftCardConsumers` and `erasePerson`. */
  readonly ports: GiftCardPorts;
  /** Calls as somebody: as a part of the program itself, which may do everything, unless a principal is given. */
  client(principal?: Principal): InProcessClient<readonly [typeof giftCards]>;
}

/** A part of the program itself: may do everything. */
export const PROGRAM: Principal = {
  id: 'system:program',
  kind: 'system',
  tenant: 'default',
  permissions: new Set(['*']),
};

/** Gift cards on adapters of the caller's choice. Throws `TypeError` for unusable peppers. */
export function giftCardService(
  { repository, reader, bulkIssuer, eraser, marks }: GiftCardAdapters,
  {
    policy,
    mailer = noMailer,
    jobs = unlimited,
    guard = defaultGuard(),
    positions = positionTokens('log'),
    hooks = {},
    ...options
  }: GiftCardServiceOptions,
): GiftCardService {
  const peppers = readPeppers(options.peppers);
  const ports: GiftCardPorts = {
    ...{ cards: repository, reader, bulk: bulkIssuer, eraser, marks, mailer, jobs, guard },
    vault: createCodeVault(peppers),
    sealer: createSealer(peppers),
    policy: { ...DEFAULT_POLICY, ...policy },
    ids: uuidv7,
    randomBytes: (count) => randomFillSync(new Uint8Array(count)),
    hmacSha256,
    nextTurn,
  };
  const operations = compile(giftCards, giftCardHandlers(ports), {
    ...hooks,
    hash: receiptHash(peppers),
    mustNotBeKept,
  });
  return {
    operations,
    positions,
    ports,
    client: (principal = PROGRAM) => inProcessClient([giftCards], operations, { principal, newId: uuidv7, positions }),
  };
}

/** Peppers as they are given in either form. Throws `TypeError` for unusable text. */
export function readPeppers(given: GiftCardServiceOptions['peppers']): readonly Pepper[] {
  if (typeof given !== 'string') return given;
  const { success, data, error } = schemas.peppers.safeParse(given);
  if (!success) throw new TypeError(`The peppers ${error.issues[0]?.message ?? 'cannot be used'}.`);
  return data;
}

const noMailer: Mailer = {
  async send() {
    throw new MailUnavailable('No mailer was given to the gift cards.');
  },
};

const unlimited: GiftCardJobs = {
  requireRoom: async () => undefined,
  get: async () => undefined,
};

/** A system principal speaks for many people, whose attempts the program itself has to count. */
function defaultGuard(): GuessGuard {
  const guard = createGuessGuard({ counters: new SlidingWindows(), now: Date.now });
  const unlessSystem =
    (count: GuessGuard['check']): GuessGuard['check'] =>
    (caller) => {
      if (caller.principal.kind !== 'system') count(caller);
    };
  return {
    check: unlessSystem(guard.check),
    refused: unlessSystem(guard.refused),
    accepted: unlessSystem(guard.accepted),
  };
}
