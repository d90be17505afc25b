import { DeadlineExceeded, judge } from 'portolan';
import type { CommandContext, Committed, Decision, Json } from 'portolan';
import { KeyedBook } from 'portolan/gift-cards';
import type { GiftCardBook, GiftCardChanges, GiftCardKeys, GiftCardRepository } from 'portolan/gift-cards';
import type { MemoryGiftCardStore } from 'portolan/memory';

/** A home-made repository: commands stand in line, so that a slow store is never asked two things at a time. */
export class OneAtATime implements GiftCardRepository {
  readonly #store: MemoryGiftCardStore;
  #line: Promise<unknown> = Promise.resolve();

  constructor(store: MemoryGiftCardStore) {
    this.#store = store;
  }

  update<Answer extends Json>(
    context: CommandContext,
    keys: GiftCardKeys,
    decide: (book: GiftCardBook) => Decision<Answer, GiftCardChanges>,
  ): Promise<Committed<Answer>> {
    const turn = this.#line.then(() => this.#run(context, keys, decide));
    this.#line = turn.catch(() => undefined);
    return turn;
  }

  #run<Answer extends Json>(
    context: CommandContext,
    keys: GiftCardKeys,
    decide: (book: GiftCardBook) => Decision<Answer, GiftCardChanges>,
  ): Committed<Answer> {
    if (context.signal?.aborted) throw new DeadlineExceeded('The command was not reached in time.');
    const { receipts } = this.#store;
    const repeated = receipts.replay<Answer>(context.receipt);
    if (repeated) return repeated;
    const records = this.#store.of(context.tenant);
    records.book.now = this.#store.now();
    const decision = judge(() => decide(new KeyedBook(records.book, keys)));
    if (decision.kind === 'refused') {
      this.#store.log(context, records.book.now, decision.events ?? []);
      receipts.keepRefusal(context.receipt, decision.error);
      throw decision.error;
    }
    const { answer, sealed, changes, events, requests } = decision;
    records.requireStorable(changes.cards ?? []);
    const position = this.#store.log(context, records.book.now, events, requests);
    records.apply(changes);
    const committed = { answer, sealed, position, replayed: false };
    receipts.keepAnswer(context.receipt, committed);
    return committed;
  }
}
