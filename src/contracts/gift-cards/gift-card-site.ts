import type { BulkIssuer, RecipientEraser } from '../../application/gift-cards/bulk-issuer.ts';
import type { GiftCardReader } from '../../application/gift-cards/gift-card-reader.ts';
import type { OrderMarks } from '../../application/gift-cards/order-marks.ts';
import type { EventLog } from '../../application/shared/event-log.ts';
import type { GiftCardRepository } from '../../domain/gift-cards/gift-card-repository.ts';
import type { ContractCase } from '../shared/contract-runner.ts';

/** One adapter of gift cards, opened for a suite. It may hold cards of other tenants. */
export interface GiftCardSite {
  readonly repository: GiftCardRepository;
  readonly reader: GiftCardReader;
  readonly bulkIssuer: BulkIssuer;
  readonly eraser: RecipientEraser;
  readonly marks: OrderMarks;
  /** The log that the adapter appends to. */
  readonly log: Pick<EventLog, 'read' | 'readStream' | 'reached'>;
  /** Moves the adapter's clock on. Left out, the suite waits; it asks for milliseconds only. */
  passTime?(ms: number): Promise<void>;
  /** Runs `work` with a transaction of the caller's as `unit`: commits when it resolves, else rolls back and throws. */
  transaction?(work: (unit: unknown) => Promise<void>): Promise<void>;
  /** Harmless when called again. */
  close(): Promise<void>;
}

/** `transaction`: commands can join a transaction of their caller's (`CommandContext.unit`). */
export type GiftCardCapability = 'transaction';

export type GiftCardCase = ContractCase<GiftCardSite, GiftCardCapability>;
