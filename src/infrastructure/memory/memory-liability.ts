import type { Liability } from '../../application/gift-cards/gift-card-reader.ts';
import type { Account, JournalEntry, TransactionType } from '../../domain/gift-cards/journal.ts';

/**
 * What is owed in each currency just before `to`, by the journal alone: the balances of cards and holds. `cards` counts
 * the cards that it is owed on; movements are those from `from` on. In order of currency.
 */
export function liability(
  journal: readonly JournalEntry[],
  from: Date | undefined,
  to: Date | undefined,
): readonly Liability[] {
  const reports = new Map<string, { owed: Map<string, bigint>; movementsMinor: { [T in TransactionType]?: bigint } }>();
  for (const { cardId, type, debit, credit, amountMinor, currency, createdAt } of journal) {
    if (to !== undefined && createdAt >= to) continue;
    let report = reports.get(currency);
    if (report === undefined) reports.set(currency, (report = { owed: new Map(), movementsMinor: {} }));
    const { owed, movementsMinor } = report;
    const change = (isOwed(credit) ? amountMinor : 0n) - (isOwed(debit) ? amountMinor : 0n);
    owed.set(cardId, (owed.get(cardId) ?? 0n) + change);
    if (from === undefined || createdAt >= from) movementsMinor[type] = (movementsMinor[type] ?? 0n) + amountMinor;
  }
  return [...reports]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, { owed, movementsMinor }]) => {
      const amounts = [...owed.values()].filter((minor) => minor !== 0n);
      const outstandingMinor = amounts.reduce((sum, minor) => sum + minor, 0n);
      return { currency, outstandingMinor, cards: amounts.length, movementsMinor };
    });
}

/** Money on a card, or reserved on it, is the holder's. */
const isOwed = (account: Account): boolean => account.startsWith('card:') || account.startsWith('hold:');
