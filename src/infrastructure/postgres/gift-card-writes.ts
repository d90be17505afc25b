import type { GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import type { GiftCardChanges } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import { isOnlyPaid } from './gift-card-rows.ts';
import * as tables from './gift-card-tables.ts';
import type { Write } from './merged-statement.ts';

/** All changes of a batch, merged: of several states of a row the last one is stored. */
export function writeGiftCards(tenant: string, batch: readonly GiftCardChanges[]): readonly Write[] {
  const cards = batch.flatMap((changes) => changes.cards ?? []);
  const { added, paid, changed } = cardWrites(cards);
  const changes = cards.map((card) => card.changes);
  return [
    ...tables.CARDS_NEW.write(tenant, added),
    ...tables.CARDS_PAID.write(tenant, paid),
    ...tables.CARDS_CHANGED.write(tenant, changed),
    ...tables.ENTRIES.write(
      tenant,
      all(changes, ({ entries }) => entries),
    ),
    ...tables.REDEMPTIONS.write(
      tenant,
      all(changes, ({ redemptions }) => redemptions),
    ),
    ...tables.HOLDS.write(
      tenant,
      all(changes, ({ holds }) => holds),
    ),
    ...tables.LEGS.write(
      tenant,
      all(batch, ({ legs }) => legs),
    ),
    ...tables.MARKS.write(
      tenant,
      all(batch, ({ marks }) => marks),
    ),
    ...tables.RECIPIENTS.write(
      tenant,
      all(batch, ({ recipients }) => recipients),
    ),
    ...tables.DELIVERIES.write(
      tenant,
      all(batch, ({ deliveries }) => deliveries),
    ),
    ...tables.BATCHES.write(
      tenant,
      all(batch, ({ batches }) => batches),
    ),
  ];
}

const all = <T, Row>(changes: readonly T[], of: (each: T) => readonly Row[] | undefined): readonly Row[] =>
  changes.flatMap((each) => of(each) ?? []);

/** New cards are inserted; of changed ones the row must be as the first change of the batch found it. */
function cardWrites(cards: readonly GiftCard[]): {
  added: GiftCardSnapshot[];
  paid: tables.CardWrite[];
  changed: tables.CardWrite[];
} {
  const writes = new Map<string, { before: GiftCardSnapshot | undefined; after: GiftCardSnapshot }>();
  for (const card of cards) {
    const earlier = writes.get(card.id);
    writes.set(card.id, { before: earlier === undefined ? card.loaded : earlier.before, after: card.toSnapshot() });
  }
  const sorted = { added: [] as GiftCardSnapshot[], paid: [] as tables.CardWrite[], changed: [] as tables.CardWrite[] };
  for (const { before, after } of writes.values()) {
    if (before === undefined) sorted.added.push(after);
    else (isOnlyPaid(before, after) ? sorted.paid : sorted.changed).push({ before, after });
  }
  return sorted;
}
