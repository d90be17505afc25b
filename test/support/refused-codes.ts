import { usd } from './gift-card-world.ts';

type Amount = ReturnType<typeof usd>;

/** What may be said of a card when it is issued. */
export interface Issue {
  readonly amount?: Amount;
  readonly holderId?: string;
  readonly expiresAt?: string;
}

/** What it takes to issue a card and to work on it. */
export interface CardShop {
  issue(input: Issue): Promise<{ readonly id: string; readonly code: string }>;
  void(input: { readonly cardId: string; readonly reason: string }): Promise<unknown>;
  freeze(input: { readonly cardId: string; readonly reason: string }): Promise<unknown>;
  redeem(input: { readonly code: string; readonly orderId: string; readonly amount?: Amount }): Promise<unknown>;
  /** An instant soon, and the wait until it is over. */
  soon(): { readonly at: Date; over(): Promise<void> | void };
}

/** A code for each reason to refuse 10 USD for an order, by the error that the permitted are told. */
export async function refusedCodes(shop: CardShop, orderId: string): Promise<Readonly<Record<string, string>>> {
  const expiry = shop.soon();
  const expired = await shop.issue({ expiresAt: expiry.at.toISOString() });
  const [bound, poor] = [await shop.issue({ holderId: 'ann' }), await shop.issue({ amount: usd('9.99') })];
  const euros = await shop.issue({ amount: { amount: '50.00', currency: 'EUR' } });
  const [voided, frozen, empty, paid] = [
    await shop.issue({}),
    await shop.issue({}),
    await shop.issue({}),
    await shop.issue({}),
  ];
  await shop.void({ cardId: voided.id, reason: 'fraud' });
  await shop.freeze({ cardId: frozen.id, reason: 'stolen' });
  await shop.redeem({ code: empty.code, orderId: `not ${orderId}` });
  await shop.redeem({ code: paid.code, orderId, amount: usd('5.00') });
  await expiry.over();
  return {
    'gift_cards.invalid_code': 'GIFT-0000-0000-0000-0000',
    'gift_cards.holder_mismatch': bound.code,
    'gift_cards.expired_card': expired.code,
    'gift_cards.voided_card': voided.code,
    'gift_cards.frozen_card': frozen.code,
    'gift_cards.already_redeemed': empty.code,
    'gift_cards.insufficient_balance': poor.code,
    'gift_cards.redemption_conflict': paid.code,
    'money.currency_mismatch': euros.code,
  };
}
