import type { Finding, Reconciliation } from '../../application/gift-cards/gift-card-reader.ts';
import type { GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import type { Account, JournalEntry } from '../../domain/gift-cards/journal.ts';
import type { Batch, Hold, Redemption } from '../../domain/gift-cards/records.ts';

const MAX_FINDINGS = 100;

/** Everything that has to agree with everything else. */
export interface Books {
  readonly cards: readonly GiftCardSnapshot[];
  readonly journal: readonly JournalEntry[];
  readonly redemptions: readonly Redemption[];
  readonly holds: readonly Hold[];
  readonly batches: readonly Batch[];
}

/**
 * Compares what is stored of cards, holds, redemptions and batches with the journal. Receipts are not compared: in
 * memory they are stored in the very step that stores what they answer for.
 */
export function reconcile({ cards, journal, redemptions, holds, batches }: Books): Reconciliation {
  const balances = accountBalances(journal);
  const byCard = Map.groupBy(journal, ({ cardId }) => cardId);
  const byReference = Map.groupBy(journal, ({ referenceId }) => referenceId ?? '');
  const openHolds = new Set(cards.flatMap((card) => card.openHolds.map(({ id }) => id)));
  const findings = [
    ...cards.flatMap((card) => checkCard(card, byCard.get(card.id) ?? [], balances)),
    ...holds.flatMap((hold) => checkHold(hold, openHolds, balances)),
    ...redemptions.flatMap((redemption) => checkRedemption(redemption, byReference.get(redemption.id) ?? [])),
    ...missingRecords(journal, holds, redemptions, balances),
    ...checkBatches(batches, cards),
    ...[...balances]
      .filter(([account, minor]) => account.startsWith('transfer:') && minor !== 0n)
      .map(([account]) => finding('trial_balance', account, 'the two halves of the transfer differ')),
  ];
  const trialBalance = trialBalances(journal);
  for (const { currency, differenceMinor } of trialBalance) {
    if (differenceMinor !== 0n) findings.push(finding('trial_balance', currency, `difference ${differenceMinor}`));
  }
  const found = findings.slice(0, MAX_FINDINGS);
  return { cards: cards.length, entries: journal.length, trialBalance, findings: found };
}

const finding = (kind: Finding['kind'], id: string, detail: string): Finding => ({ kind, id, detail });

type Balances = ReadonlyMap<string, bigint>;

function accountBalances(journal: readonly JournalEntry[]): Balances {
  const balances = new Map<string, bigint>();
  const add = (account: Account, minor: bigint) => balances.set(account, (balances.get(account) ?? 0n) + minor);
  for (const { debit, credit, amountMinor } of journal) {
    add(debit, -amountMinor);
    add(credit, amountMinor);
  }
  return balances;
}

function trialBalances(journal: readonly JournalEntry[]): Reconciliation['trialBalance'] {
  const byCurrency = Map.groupBy(journal, ({ currency }) => currency);
  return [...byCurrency].sort().map(([currency, entries]) => {
    const balances = [...accountBalances(entries).values()];
    const sum = entries.reduce((total, { amountMinor }) => total + amountMinor, 0n);
    const differenceMinor = balances.reduce((total, minor) => total + minor, 0n);
    return { currency, debitsMinor: sum, creditsMinor: sum, differenceMinor };
  });
}

function checkCard(card: GiftCardSnapshot, entries: readonly JournalEntry[], balances: Balances): readonly Finding[] {
  const findings: Finding[] = [];
  const account: Account = `card:${card.id}`;
  if ((balances.get(account) ?? 0n) !== card.balanceMinor) {
    findings.push(finding('balance', card.id, 'the balance is not the sum of the journal'));
  }
  let balance = 0n;
  for (const [index, entry] of entries.entries()) {
    const { amountMinor, debit, credit, entryNumber, balanceBeforeMinor, balanceAfterMinor, currency } = entry;
    const after = balance + (credit === account ? amountMinor : 0n) - (debit === account ? amountMinor : 0n);
    const fits = balanceBeforeMinor === balance && balanceAfterMinor === after && after >= 0n && amountMinor > 0n;
    if (!fits || entryNumber !== index + 1 || currency !== card.currency) {
      findings.push(finding('chain', entry.id, 'the entry does not follow on the one before'));
    }
    balance = after;
  }
  if (entries.length !== card.entryCount) findings.push(finding('chain', card.id, 'entries are missing or too many'));
  const isVoided = card.voidedAt !== null;
  if (isVoided && card.balanceMinor !== 0n) findings.push(finding('void', card.id, 'voided, with money on it'));
  if (!isVoided && entries.some(({ type }) => type === 'void')) {
    findings.push(finding('void', card.id, 'the journal voids a card that is not voided'));
  }
  return findings;
}

/** Batches that have another number of cards than they say, and those that only their cards name. */
function checkBatches(batches: readonly Batch[], cards: readonly GiftCardSnapshot[]): readonly Finding[] {
  const cardsOf = Map.groupBy(cards, ({ batchId }) => batchId);
  const stored = new Set<string | null>(batches.map(({ id }) => id));
  const wrong = batches.filter(({ id, createdCount }) => createdCount !== (cardsOf.get(id) ?? []).length);
  const missing = [...cardsOf.keys()].filter((id) => id !== null && !stored.has(id));
  return [
    ...wrong.map(({ id }) => finding('batch', id, 'it has another number of cards than it says')),
    ...missing.flatMap((id) => (id === null ? [] : [finding('batch', id, 'the batch is missing')])),
  ];
}

function checkHold(hold: Hold, openHolds: ReadonlySet<string>, balances: Balances): readonly Finding[] {
  const isOpen = hold.status === 'open';
  const due = isOpen ? hold.amountMinor : 0n;
  if ((balances.get(`hold:${hold.id}`) ?? 0n) !== due) {
    return [finding('hold', hold.id, 'the journal reserves another amount')];
  }
  return isOpen === openHolds.has(hold.id) ? [] : [finding('hold', hold.id, 'the card does not agree on its status')];
}

/** Holds and redemptions that the journal tells of and nobody has stored. */
function missingRecords(
  journal: readonly JournalEntry[],
  holds: readonly Hold[],
  redemptions: readonly Redemption[],
  balances: Balances,
): readonly Finding[] {
  const held = new Set(holds.map(({ id }) => `hold:${id}`));
  const lost = [...balances].filter(([account, minor]) => /^hold:/.test(account) && minor !== 0n && !held.has(account));
  const stored = new Set(redemptions.map(({ id }) => id));
  const paid = journal.filter(({ type }) => type === 'redemption' || type === 'capture' || type === 'refund');
  const ids = new Set(paid.map(({ referenceId }) => referenceId ?? ''));
  return [
    ...lost.map(([account]) => finding('hold', account.slice('hold:'.length), 'the hold is missing')),
    ...[...ids].filter((id) => !stored.has(id)).map((id) => finding('redemption', id, 'the redemption is missing')),
  ];
}

function checkRedemption(redemption: Redemption, entries: readonly JournalEntry[]): readonly Finding[] {
  const sum = (...types: readonly JournalEntry['type'][]): bigint =>
    entries.filter(({ type }) => types.includes(type)).reduce((total, { amountMinor }) => total + amountMinor, 0n);
  const { id, amountMinor, refundedMinor } = redemption;
  if (sum('redemption', 'capture') !== amountMinor)
    return [finding('redemption', id, 'the journal paid another amount')];
  if (sum('refund') !== refundedMinor || refundedMinor > amountMinor) {
    return [finding('redemption', id, 'the refunds do not add up')];
  }
  return [];
}
