import { InvalidCode } from '../../domain/gift-cards/errors.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import { STAND_IN } from '../../domain/gift-cards/stand-in.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readCode } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';
import { attempt, mayKnowWhy } from './refusals.ts';
import { viewCard } from './views.ts';

type Ports = Pick<GiftCardPorts, 'reader' | 'vault' | 'policy' | 'guard'>;

/**
 * Tells what a code is worth. Callers who may not know why a code is refused are told only of cards that they could
 * spend; all others look to them like a code that doesn't exist.
 */
export function checkBalance(ports: Ports): Handler<(typeof giftCards)['operations']['checkBalance']> {
  const { reader, vault } = ports;
  return (input, call) =>
    attempt(ports, call, input.code, async () => {
      const code = readCode(ports, input.code);
      const by = { code: vault.keysOf(code.body) };
      const [card, now] = await Promise.all([reader.find(call.principal.tenant, by), reader.now()]);
      // Judged also where there is none, so that it takes the same work.
      const isTold = isSpendable(card ?? STAND_IN, now) || mayKnowWhy(call);
      if (card === undefined || !isTold) throw new InvalidCode('No card has this code.');
      const { originalAmount, available, status, expiresAt } = viewCard(card, now);
      const { prefix, lastFour } = card.toSnapshot();
      return {
        data: {
          code: maskedCode(prefix, lastFour, code.body.length),
          originalAmount,
          currentBalance: available,
          currency: card.currency,
          status,
          expiresAt,
        },
      };
    });
}

/** Whether anybody who has the code could pay with it now. */
function isSpendable(card: GiftCard, now: Date): boolean {
  const isOpen = ['active', 'partially_redeemed'].includes(card.status(now));
  return isOpen && card.available(now).isPositive && card.toSnapshot().holderId === null;
}

/** `GIFT-****-****-****-XXXX`. */
function maskedCode(prefix: string, lastFour: string, length: number): string {
  const groups = lastFour.padStart(length, '*').match(/.{1,4}/g) ?? [];
  return [prefix, ...groups].join('-');
}
