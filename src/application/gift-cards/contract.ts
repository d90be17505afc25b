import { context } from '../shared/contract.ts';
import { consumes, events } from './events.ts';
import { lifecycleOperations } from './lifecycle-operations.ts';
import { paymentOperations } from './payment-operations.ts';
import { reportOperations } from './report-operations.ts';

/** The language of gift cards; amounts are decimal text with a currency, never numbers. */
export const giftCards = context({
  name: 'gift-cards',
  noun: 'GiftCard',
  operations: { ...paymentOperations, ...lifecycleOperations, ...reportOperations },
  events,
  consumes,
  permissions: { 'gift-cards:diagnose': 'Be told why a code was refused' },
});
