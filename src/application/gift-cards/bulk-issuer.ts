import type { Batch } from '../../domain/gift-cards/records.ts';
import type { CommandContext } from '../../domain/shared/decision.ts';

/** One card of a batch: only what differs from its neighbours. */
export interface BulkCard {
  readonly id: string;
  readonly codeIndex: string;
  readonly lastFour: string;
  readonly entryId: string;
}

/** What became of a batch. */
export interface IssuedSet {
  readonly batch: Batch;
  /** Position of the set's event in the log; undefined where nothing was done. */
  readonly position: bigint | undefined;
}

/** Issues the cards of a batch set by set, outside the path of single commands. */
export interface BulkIssuer {
  /**
   * Stores cards number `fromIndex` and following with their journal entries and one `gift_card.batch_created` event
   * in one commit, and raises the batch's `createdCount`; the batch is `ready` when that reaches its `count`. Does
   * nothing and returns the present batch when `fromIndex` isn't the batch's `createdCount` (another worker was faster)
   * or the batch isn't running. Promotion expense pays for the cards. Throws `BatchNotFound`, and `InvalidExpiry` once
   * the batch's cards would be expired from the start.
   */
  issue(
    context: CommandContext,
    batch: Batch,
    fromIndex: number,
    pepperId: string,
    cards: readonly BulkCard[],
  ): Promise<IssuedSet>;
}

/** Erases what is known of persons. */
export interface RecipientEraser {
  /**
   * Removes e-mail addresses and messages: those sent to `email`, and those of cards whose purchaser or holder is
   * `subjectId`. Sealed codes that still wait for such an address are removed too. Returns how many cards it touched.
   */
  erase(tenant: string, person: { readonly email?: string; readonly subjectId?: string }): Promise<number>;
}
