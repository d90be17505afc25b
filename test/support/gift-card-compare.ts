import { expect } from 'chai';
import { outcomeOf, type HistorySystem } from './gift-card-history.ts';
import type { GiftCardModel } from './gift-card-model.ts';

/**
 * Compares all that can be seen of the cards with the model, and where `books` says so the books with each other, which
 * takes the longer the more other histories a database holds.
 */
export async function compareWithModel(system: HistorySystem, model: GiftCardModel, books: boolean): Promise<void> {
  const { site, tenant } = system;
  const now = await site.reader.now();
  for (const id of model.cards.keys()) {
    const card = await site.reader.find(tenant, { cardId: id });
    const expected = model.card(id);
    expect(
      {
        balance: card?.balance.minor,
        available: card?.available(now).minor,
        status: card?.status(now),
        until: card?.expiresAt?.getTime() ?? Infinity,
        holder: card?.toSnapshot().holderId ?? undefined,
      },
      'card',
    ).to.deep.equal({
      balance: BigInt(expected.balance),
      available: BigInt(model.available(id, now.getTime())),
      status: model.status(id, now.getTime()),
      until: expected.until,
      holder: expected.holder,
    });
    await compareJournal(system, id, expected.balance);
  }
  await compareCodes(system, model);
  await compareOrders(system, model);
  if (books) {
    const report = await site.reader.reconcile(tenant);
    expect(report.findings, 'findings').to.deep.equal([]);
    for (const { differenceMinor } of report.trialBalance) expect(differenceMinor, 'trial balance').to.equal(0n);
  }
  const liability = await site.reader.liability(tenant, undefined, undefined);
  const owed = liability.map(({ currency, outstandingMinor }) => [currency, Number(outstandingMinor)]);
  expect(owed, 'liability').to.deep.equal([...model.owed()].sort());
}

async function compareJournal({ site, tenant }: HistorySystem, cardId: string, balance: number): Promise<void> {
  const { items } = await site.reader.transactions(tenant, cardId, { limit: 1000 });
  let sum = 0n;
  for (const [index, entry] of [...items].reverse().entries()) {
    expect([entry.entryNumber, entry.balanceBeforeMinor], 'journal').to.deep.equal([index + 1, sum]);
    if (entry.credit === `card:${cardId}`) sum += entry.amountMinor;
    if (entry.debit === `card:${cardId}`) sum -= entry.amountMinor;
    expect(entry.balanceAfterMinor, 'journal').to.equal(sum);
  }
  expect(sum, 'sum of the journal').to.equal(BigInt(balance));
}

/** The code that a card has finds it, and one that it had finds nothing. */
async function compareCodes({ handlers, call }: HistorySystem, model: GiftCardModel): Promise<void> {
  const found = async (code: string) => {
    const outcome = await outcomeOf(handlers.getCard({ code }, call()));
    return 'data' in outcome ? outcome.data.id : outcome.refused;
  };
  for (const [id, { code }] of model.cards) expect(await found(code), 'card of a code').to.equal(id);
  for (const code of model.dead) expect(await found(code), 'dead code').to.equal('gift_cards.invalid_code');
}

async function compareOrders({ site, tenant }: HistorySystem, model: GiftCardModel): Promise<void> {
  const orderIds = [0, 1, 2].map((order) => `order-${order}`);
  const context = { tenant, actor: 'test', correlationId: 'model' };
  const refunded = new Map<string, number>();
  const parked = new Map<string, number>();
  await site.repository.update(context, { orderIds }, (book) => {
    refunded.clear();
    parked.clear();
    for (const orderId of orderIds) {
      for (const { id, refundedMinor } of book.redemptionsOfOrder(orderId)) refunded.set(id, Number(refundedMinor));
      for (const { refundId, leg, parkedMinor } of book.legsOfOrder(orderId)) {
        parked.set(`${refundId}#${leg}`, Number(parkedMinor));
      }
    }
    return { kind: 'accepted', answer: null, changes: {}, events: [] };
  });
  for (const payment of model.payments) {
    expect(payment.refunded, 'refund cap').to.be.within(0, payment.amount);
  }
  const expected = model.payments.map((payment) => [payment.id, payment.refunded] as const);
  expect([...refunded].sort(), 'refunded').to.deep.equal([...expected].sort());
  const waiting = [...model.legs].map(([key, leg]) => [key, leg.waiting] as const);
  expect([...parked].sort(), 'parked').to.deep.equal([...waiting].sort());
}
