import { InvalidExpiry } from '../../domain/gift-cards/errors.ts';
import { ofField } from '../shared/field-fault.ts';
import type { Handler } from '../shared/pipeline.ts';
import { changeCard, type ChangeCardPorts } from './change-card.ts';
import type { giftCards } from './contract.ts';

/** Lets a card expire later, or never. */
export function extendExpiry(ports: ChangeCardPorts): Handler<(typeof giftCards)['operations']['extendExpiry']> {
  return (input, call) => {
    const expiresAt = input.expiresAt === null ? null : new Date(input.expiresAt);
    return changeCard(ports, input, call, (card, moment) =>
      ofField('expiresAt', [InvalidExpiry], () => card.extendExpiry(expiresAt, input.reason, moment)),
    );
  };
}
