import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { events } from '../../src/application/gift-cards/events.ts';
import type { CardStatus } from '../../src/domain/gift-cards/card-state.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import type { NewEvent } from '../../src/domain/shared/decision.ts';
import { at, HOUR, later, newIssue, onlyOne, payment, stored, usd } from '../support/gift-card-builder.ts';

/** A card as its events alone tell it: all but what belongs to its code. */
interface Replayed {
  currency: string;
  balance: string;
  purchaserId: string;
  holderId: string | null;
  batchId: string | null;
  expiresAt: string | null;
  holds: Set<string>;
  end: Extract<CardStatus, 'expired' | 'voided' | 'frozen'> | null;
  version: number;
}

type Payload = Readonly<Record<string, string | null>>;

/** Reads a card's events one after another, as somebody else's program would. */
function replay(history: readonly NewEvent[]): Replayed {
  const card = { holds: new Set<string>(), end: null } as unknown as Replayed;
  for (const { type, payload, streamVersion } of history) {
    const facts = events[type as keyof typeof events].payload.parse(payload) as unknown as Payload;
    card.version = streamVersion;
    card.balance = facts['balance'] ?? '';
    if (facts['expiresAt'] !== undefined && type !== 'gift_card.held') card.expiresAt = facts['expiresAt'];
    const { currency, purchaserId, holderId, batchId } = facts as unknown as Replayed;
    if (type === 'gift_card.created') Object.assign(card, { currency, purchaserId, holderId, batchId });
    if (type === 'gift_card.held') card.holds.add(facts['holdId'] ?? '');
    else card.holds.delete(facts['holdId'] ?? '');
    const end = type.replace('gift_card.', '');
    if (end === 'frozen' || end === 'expired' || end === 'voided') card.end = end;
    if (end === 'unfrozen') card.end = null;
  }
  return card;
}

function told(card: GiftCard): Replayed {
  const { currency, purchaserId, holderId, batchId, version, openHolds, ...state } = card.toSnapshot();
  const end = state.voidedAt ? 'voided' : state.expiredAt ? 'expired' : state.frozenAt ? 'frozen' : null;
  return {
    ...{ currency, purchaserId, holderId, batchId, version, end },
    balance: card.balance.toDecimal(),
    expiresAt: card.expiresAt?.toISOString() ?? null,
    holds: new Set(openHolds.map(({ id }) => id)),
  };
}

/** Takes one step after another, and compares after each what the events so far tell with what the card is. */
function live(first: GiftCard, ...steps: readonly ((card: GiftCard) => GiftCard)[]): GiftCard {
  const history = [...first.changes.events];
  expect(replay(history)).to.deep.equal(told(first));
  return steps.reduce((card, step) => {
    const next = step(stored(card));
    history.push(...next.changes.events);
    expect(replay(history), history.at(-1)?.type).to.deep.equal(told(next));
    return next;
  }, first);
}

describe('the events of a gift card', () => {
  it('are enough to tell the card anew after each of them', () => {
    const [captured, released] = [payment('20.00', { orderId: 'a' }), payment('5.00', { orderId: 'b' })];
    const other = GiftCard.issue(newIssue({ expiresAt: later(2 * HOUR) }), at());
    const code = { codeIndex: randomUUID(), pepperId: 'pepper', prefix: 'PROMO', lastFour: 'K7QD' };
    live(
      GiftCard.issue(newIssue({ holderId: 'holder', batchId: randomUUID() }), at()),
      (card) => card.hold(captured, later(HOUR), at(1)),
      (card) => card.hold(released, later(HOUR), at(2)),
      (card) => card.capture(captured.id, randomUUID(), usd('15.00'), at(3)),
      (card) => card.release(released.id, at(4)),
      (card) => card.reload(usd('7.00'), 'reload', at(5)),
      (card) => card.freeze('lost', at(6)),
      (card) => card.unfreeze('found', at(7)),
      (card) => card.reissueCode(code, 'stolen', at(8)),
      (card) => card.extendExpiry(later(48 * HOUR), 'courtesy', at(9)),
      (card) => card.transferOut(randomUUID(), other.id, usd('1.00'), at(10)),
      (card) => card.transferIn(randomUUID(), other, usd('2.00'), true, at(11)),
      (card) => card.hold(payment('3.00', { orderId: 'c' }), later(HOUR), at(12)),
      (card) => card.void({ adminId: 'admin', reason: 'fraud', account: 'void' }, at(13)),
    );
  });

  it('tell of a refund, and of an expiry with a hold that ended by itself', () => {
    let paid: Parameters<GiftCard['refund']>[0] | undefined;
    live(
      GiftCard.issue(newIssue({ expiresAt: later(HOUR) }), at()),
      (card) => {
        const next = card.redeem(payment('60.00'), at(1));
        paid = onlyOne(next.changes.redemptions);
        return next;
      },
      (card) => card.refund(paid as NonNullable<typeof paid>, 'refund', usd('10.00'), at(2)),
      (card) => card.hold(payment('5.00', { orderId: 'late' }), later(HOUR / 2), at(3)),
      (card) => card.expire('breakage', at(2 * HOUR)) as GiftCard,
    );
  });
});
