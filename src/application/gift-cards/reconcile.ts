import { decimalText } from '../../domain/shared/money.ts';
import type { Handler } from '../shared/pipeline.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'reader'>;

/** Proves balances, batches and the trial balance against the journal, and receipts where these are stored apart. */
export function reconcile({ reader }: Ports): Handler<(typeof giftCards)['operations']['reconcile']> {
  return async (_input, call) => {
    const { cards, entries, trialBalance, findings } = await reader.reconcile(call.principal.tenant);
    const isBalanced = trialBalance.every(({ differenceMinor }) => differenceMinor === 0n);
    return {
      data: {
        cards,
        entries,
        consistent: isBalanced && findings.length === 0,
        trialBalance: trialBalance.map(({ currency, debitsMinor, creditsMinor, differenceMinor }) => ({
          currency,
          debits: decimalText(debitsMinor, currency),
          credits: decimalText(creditsMinor, currency),
          difference: decimalText(differenceMinor, currency),
        })),
        findings: findings.map((finding) => ({ ...finding })),
      },
    };
  };
}
