import { DeadlineExceeded } from '../../application/shared/errors.ts';
import type {
  GiftCardBook,
  GiftCardChanges,
  GiftCardKeys,
  GiftCardRepository,
} from '../../domain/gift-cards/gift-card-repository.ts';
import { KeyedBook } from '../../domain/gift-cards/keyed-book.ts';
import {
  judge,
  type Accepted,
  type CommandContext,
  type Committed,
  type Decision,
  type NewEvent,
} from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import type { MemoryGiftCardStore } from './memory-gift-card-store.ts';

type Decide<Answer extends Json> = (book: GiftCardBook) => Decision<Answer, GiftCardChanges>;

/** Gift cards in memory: one command runs from its beginning to its end before the next one begins. */
export class MemoryGiftCardRepository implements GiftCardRepository {
  readonly #store: MemoryGiftCardStore;

  constructor(store: MemoryGiftCardStore) {
    this.#store = store;
  }

  // Nothing is awaited in here: that alone makes a command atomic. `context.unit` means nothing to memory.
  async update<Answer extends Json>(
    context: CommandContext,
    keys: GiftCardKeys,
    decide: Decide<Answer>,
  ): Promise<Committed<Answer>> {
    if (context.signal?.aborted === true) throw new DeadlineExceeded('The command was not reached in time.');
    const replayed = this.#store.receipts.replay<Answer>(context.receipt);
    if (replayed !== undefined) return replayed;
    const { book } = this.#store.of(context.tenant);
    book.now = this.#store.now();
    const decision = judge(() => decide(new KeyedBook(book, keys)));
    if (decision.kind === 'accepted') return this.#accept(context, book.now, decision);
    this.#store.log(context, book.now, decision.events ?? []);
    this.#store.receipts.keepRefusal(context.receipt, decision.error);
    throw decision.error;
  }

  #accept<Answer extends Json>(
    context: CommandContext,
    now: Date,
    { answer, sealed, changes, events, requests }: Accepted<Answer, GiftCardChanges>,
  ): Committed<Answer> {
    const records = this.#store.of(context.tenant);
    requireEvents(changes, events);
    records.requireStorable(changes.cards ?? []);
    // Whatever can fail comes before this line: the rest is one step.
    const position = this.#store.log(context, now, events, requests);
    records.apply(changes);
    const committed = { answer, sealed, position, replayed: false };
    this.#store.receipts.keepAnswer(context.receipt, committed);
    return committed;
  }
}

/** Throws where a decision keeps back an event of a card that it changes: the stream would have a gap. */
function requireEvents({ cards = [] }: GiftCardChanges, events: readonly NewEvent[]): void {
  for (const card of cards) {
    const missing = card.changes.events.find((event) => !events.includes(event));
    if (missing !== undefined) throw new Error(`A decision left out ${missing.type} of ${missing.stream}.`);
  }
}
