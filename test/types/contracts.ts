/** What must not compile around a contract. `npm run types` checks this file; nothing runs it. */
import type { giftCards } from '../../src/application/gift-cards/index.ts';
import type { InProcessClient } from '../../src/application/shared/client.ts';
import type { PayloadOf } from '../../src/application/shared/contract.ts';
import { compile, type Handlers } from '../../src/application/shared/pipeline.ts';
import { jobs } from '../../src/application/jobs/contract.ts';

export function wrongHandlers(whole: Handlers<typeof jobs>): void {
  compile(jobs, whole);
  const { cancel, ...partial } = whole;
  // @ts-expect-error a missing handler
  compile(jobs, partial);
  // @ts-expect-error an operation that the contract doesn't have
  compile(jobs, { ...partial, cancel, cancelAll: cancel });
  // @ts-expect-error the handler of another operation
  compile(jobs, { ...whole, cancel: whole.statistics });
  // @ts-expect-error an answer that the contract doesn't have
  compile(jobs, { ...whole, cancel: async () => ({ data: { outcome: 'perhaps' as const } }) });
  // @ts-expect-error a field that the input doesn't have
  compile(jobs, { ...whole, cancel: async ({ id }) => ({ data: { outcome: id } }) });
}

export function wrongCalls({ GiftCard, ...client }: InProcessClient<readonly [typeof giftCards]>): void {
  void GiftCard.redeem({ code: 'GIFT', orderId: '1' });
  // @ts-expect-error a misspelt verb
  void GiftCard.redeme({ code: 'GIFT', orderId: '1' });
  // @ts-expect-error a context that is not mounted
  void client.Parcel;
  // @ts-expect-error a missing field
  void GiftCard.redeem({ code: 'GIFT' });
  // @ts-expect-error money as a number
  void GiftCard.redeem({ code: 'GIFT', orderId: '1', amount: { amount: 25 } });
}

type Events = (typeof giftCards)['events'];

export function wrongPayloads(redeemed: PayloadOf<Events['gift_card.redeemed']>): void {
  const { cardId, amount }: { readonly cardId: string; readonly amount: string } = redeemed;
  void amount;
  // @ts-expect-error a field that this event doesn't have
  void redeemed.holdId;
  // @ts-expect-error missing fields
  const less: PayloadOf<Events['gift_card.redeemed']> = { cardId, balance: '0.00', currency: 'USD' };
  // @ts-expect-error an amount as a number
  const number: PayloadOf<Events['gift_card.redeemed']> = { ...redeemed, amount: 25 };
  // @ts-expect-error a misspelt field
  const misspelt: PayloadOf<Events['gift_card.redeemed']> = { ...redeemed, orderid: '1' };
  // @ts-expect-error a status that is none
  const released: PayloadOf<Events['gift_card.released']>['status'] = 'lost';
  void [less, number, misspelt, released];
}

// @ts-expect-error an event that the contract doesn't have
export type Unknown = Events['gift_card.stolen'];
