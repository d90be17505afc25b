import { decimalText } from '../../domain/shared/money.ts';
import type { Handler } from '../shared/pipeline.ts';
import type { giftCards } from './contract.ts';
import type { Liability } from './gift-card-reader.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'reader'>;

/** Tells what is owed to card holders per currency at the end of a period, and the movements in it by type. */
export function liabilityReport({ reader }: Ports): Handler<(typeof giftCards)['operations']['liabilityReport']> {
  return async ({ from, to }, call) => {
    const liabilities = await reader.liability(call.principal.tenant, dateOf(from), dateOf(to));
    return { data: liabilities.map(viewLiability) };
  };
}

const dateOf = (instant: string | undefined): Date | undefined =>
  instant === undefined ? undefined : new Date(instant);

function viewLiability({ currency, outstandingMinor, cards, movementsMinor }: Liability) {
  const movements = Object.entries(movementsMinor).map(
    ([type, minor]) => [type, decimalText(minor, currency)] as const,
  );
  return {
    currency,
    outstanding: decimalText(outstandingMinor, currency),
    cards,
    movements: Object.fromEntries(movements),
  };
}
