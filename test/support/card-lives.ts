import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerProcess } from './server-process.ts';
import type { TestSmtpServer } from './smtp-server.ts';

const usd = (amount: string) => ({ amount, currency: 'USD' });
const CODE = /GIFT(?:-[0-9A-Z]{4}){4}|BULK(?:-[0-9A-Z]{4}){4}/;

/** A recipient, and what is written to her: personal data. */
export const PERSON = {
  email: 'Dorothea.Brooke+gift@middlemarch.example',
  message: 'Für Dorothea, zum 30. Geburtstag: viel Freude!',
};
/** The mail server refuses this one and quotes it. */
export const REFUSED_EMAIL = 'unknown@example.com';

interface Card {
  readonly id: string;
  readonly code: string;
}

/** Cards on a server as its callers use them, with every operation, rightly and wrongly. */
export class CardLives {
  readonly #server: ServerProcess;
  readonly #smtp: TestSmtpServer;
  readonly #codes = new Set<string>();

  /** The server sends its mail to `smtp`. */
  constructor(server: ServerProcess, smtp: TestSmtpServer) {
    this.#server = server;
    this.#smtp = smtp;
  }

  #note(code: string): string {
    if (!CODE.test(code)) throw new Error('This is not the code of a card.');
    this.#codes.add(code);
    return code;
  }

  async #create(input: object = {}): Promise<Card> {
    const card = await this.#server.call<Card>('gift-cards/create', {
      amount: usd('50.00'),
      purchaserId: 'buyer',
      ...input,
    });
    return { id: card.id, code: this.#note(card.code) };
  }

  /** The code in the mail number `count` to an address, waited for. */
  async #mailedCode(address: string, count: number): Promise<string> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(50)) {
      const mails = await this.#smtp.deliveredTo(address);
      const code = CODE.exec(mails[count - 1]?.text ?? '')?.[0];
      if (code !== undefined) return this.#note(code);
    }
    throw new Error(`Mail ${count} has not arrived.`);
  }

  /** Does with cards all that can be done with them; resolves to the codes that came up. */
  async all(): Promise<ReadonlySet<string>> {
    await this.#lifeOfMailedCards();
    await this.#lifeOfPayments();
    await this.#endsOfCards();
    await this.#lifeOfBatches();
    await this.#attempts();
    await this.#lifeOfOrders();
    await this.#workOfOperators();
    return this.#codes;
  }

  async #lifeOfMailedCards(): Promise<void> {
    const { id } = await this.#create({ recipientEmail: PERSON.email, message: PERSON.message });
    await this.#mailedCode(PERSON.email, 1);
    const mailed = { amount: usd('20.00'), purchaserId: 'buyer', recipientEmail: PERSON.email, deliver: 'email' };
    const card = await this.#server.call<{ id: string }>('gift-cards/create', { ...mailed, message: PERSON.message });
    await this.#mailedCode(PERSON.email, 2);
    await this.#server.call('gift-cards/reissue-code', { cardId: card.id, reason: 'lost', deliver: 'email' });
    await this.#mailedCode(PERSON.email, 3);
    const reissued = await this.#server.call<Card>('gift-cards/reissue-code', { cardId: id, reason: 'lost' });
    this.#note(reissued.code);
    // This mail cannot be delivered; its code waits, so that it can be asked for again.
    const waiting = await this.#create({ recipientEmail: REFUSED_EMAIL, message: PERSON.message });
    await this.#server.call('gift-cards/resend-email', { cardId: waiting.id });
  }

  async #lifeOfPayments(): Promise<void> {
    const { code } = await this.#create();
    const other = await this.#create();
    const key = randomUUID();
    const redeem = { code: code.toLowerCase().replaceAll('-', ' '), orderId: 'o1', amount: usd('10.00') };
    const paid = await this.#server.call<{ redemptionId: string }>('gift-cards/redeem', redeem, key);
    await this.#server.call('gift-cards/redeem', redeem, key);
    await this.#server.call('gift-cards/refund-to-card', { redemptionId: paid.redemptionId, amount: usd('4.00') });
    const held = await this.#server.call<{ holdId: string }>('gift-cards/hold', {
      code,
      orderId: 'o2',
      amount: usd('5.00'),
    });
    await this.#server.call('gift-cards/capture', { holdId: held.holdId, amount: usd('3.00') });
    const hold = await this.#server.call<{ holdId: string }>('gift-cards/hold', {
      code,
      orderId: 'o3',
      amount: usd('5.00'),
    });
    await this.#server.call('gift-cards/release-hold', { holdId: hold.holdId });
    const transfer = { fromCode: code, toCode: other.code, amount: usd('1.00'), acceptEarlierExpiry: true };
    await this.#server.call('gift-cards/transfer', transfer);
    for (const operation of ['check-balance', 'get-card', 'list-transactions']) {
      await this.#server.call(`gift-cards/${operation}`, { code: other.code });
    }
  }

  async #endsOfCards(): Promise<void> {
    const { id, code } = await this.#create({ expiresAt: new Date(Date.now() + 500).toISOString() });
    const voided = await this.#create();
    const frozen = await this.#create();
    await this.#server.call('gift-cards/void', { code: voided.code, reason: 'fraud' });
    await this.#server.call('gift-cards/freeze', { code: frozen.code, reason: 'stolen' });
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(250)) {
      const { currentBalance } = await this.#server.call<{ currentBalance: { amount: string } }>(
        'gift-cards/get-card',
        {
          code,
        },
      );
      if (currentBalance.amount === '0.00') break;
    }
    for (const refused of [code, voided.code, frozen.code]) {
      expect((await this.#server.post('gift-cards/redeem', { code: refused, orderId: 'o4' })).ok).to.equal(false);
    }
    await this.#server.call('gift-cards/extend-expiry', { cardId: frozen.id, expiresAt: null, reason: 'kindness' });
    expect(await this.#server.call<{ status: string }>('gift-cards/get-card', { cardId: id })).to.include({
      status: 'expired',
    });
  }

  async #lifeOfBatches(): Promise<void> {
    const batch = { amount: usd('5.00'), prefix: 'BULK', purchaserId: 'promotion' };
    const key = randomUUID();
    for (const _ of ['first', 'again']) {
      const small = await this.#server.call<{ cards: Card[] }>('gift-cards/bulk-create', { ...batch, count: 20 }, key);
      for (const { code } of small.cards) this.#note(code);
    }
    const { batchId } = await this.#server.call<{ batchId: string }>('gift-cards/bulk-create', {
      ...batch,
      count: 1_500,
    });
    await this.#server.call('gift-cards/get-batch', { batchId });
    const authorization = `Bearer ${this.#server.adminToken}`;
    for (const accept of ['application/x-ndjson', 'text/csv']) {
      let text = '';
      for (const deadline = Date.now() + 60_000; text === '' && Date.now() < deadline; await delay(50)) {
        const url = `${this.#server.url}/v1/gift-cards/download-batch?batchId=${batchId}`;
        const response = await fetch(url, { headers: { authorization, accept } });
        text = response.ok ? await response.text() : '';
      }
      const downloaded = text.match(new RegExp(CODE, 'g')) ?? [];
      expect(downloaded).to.have.lengthOf(1_500);
      for (const code of downloaded) this.#note(code);
    }
    await this.#server.call('gift-cards/acknowledge-batch', { batchId });
  }

  /** Events of a shop that tells more than it should: of what it sends only the declared fields may be kept. */
  async #lifeOfOrders(): Promise<void> {
    const { id, code } = await this.#create();
    const tooMuch = { code, email: PERSON.email, customer: { message: PERSON.message } };
    const event = (type: string, data: object) => {
      return { specversion: '1.0', id: randomUUID(), source: '/shop', type, data: { ...data, ...tooMuch } };
    };
    const refund = (orderId: string, amount: string) => {
      const legs = [{ cardId: id, amount: usd(amount), ...tooMuch }];
      return event('order.refunded', { orderId, refundId: 'r1', legs });
    };
    await this.#server.call('gift-cards/redeem', { code, orderId: 'o7', amount: usd('10.00') });
    const cancelled = event('order.cancelled', { orderId: 'o9' });
    // The amount of the last one makes no sense: it ends as a dead letter, and is tried once more.
    await this.#server.call('events/ingest', {
      events: [refund('o7', '4.00'), refund('o8', '1.00'), cancelled, refund('o7', '0.001')],
    });
    const [dead] = await this.#eventually(() => this.#server.call<{ eventId: string }[]>('events/list-dead', {}));
    await this.#server.call('events/redrive', { consumer: 'gift-cards.orders', eventId: dead?.eventId });
    expect(await this.#server.call<unknown[]>('gift-cards/list-parked-refunds', {})).to.have.lengthOf(1);
    await this.#server.call('gift-cards/liability-report', {});
    expect(await this.#server.call<object>('gift-cards/reconcile', {})).to.include({ consistent: true });
    for (const operation of ['list', 'verify']) await this.#server.call(`events/${operation}`, {});
  }

  async #workOfOperators(): Promise<void> {
    const { id, code } = await this.#create();
    await this.#server.call('gift-cards/reload', { code, amount: usd('5.00') });
    await this.#server.call('gift-cards/freeze', { code, reason: 'doubt' });
    await this.#server.call('gift-cards/unfreeze', { cardId: id, reason: 'no doubt' });
    await this.#server.call('gift-cards/list-cards', { lastFour: code.slice(-4) });
    const token = await this.#server.call<{ id: string }>('api-tokens/create', {
      name: 'till',
      permissions: ['gift-cards:redeem'],
    });
    await this.#server.call('api-tokens/list', {});
    await this.#server.call('api-tokens/revoke', { id: token.id });
    // The mail that was refused has left a dead job.
    const [dead] = await this.#eventually(() => this.#server.call<{ id: string }[]>('jobs/list', { state: 'dead' }));
    await this.#server.call('jobs/statistics', {});
    for (const operation of ['get', 'redrive', 'cancel'])
      await this.#server.call(`jobs/${operation}`, { jobId: dead?.id });
  }

  /** The first answer that is not empty. */
  async #eventually<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(50)) {
      const answer = await ask();
      if (answer.length > 0) return answer;
    }
    throw new Error('Nothing has come.');
  }

  /** Staff that writes the code of a card where only a reason belongs, or a greeting. */
  async #careless(code: string): Promise<void> {
    const reason = `Lost ${code}, she says`;
    for (const operation of ['void', 'freeze', 'unfreeze', 'reissue-code']) {
      expect((await this.#server.post(`gift-cards/${operation}`, { code, reason })).status).to.equal(400);
    }
    const extend = { code, reason: code.toLowerCase(), expiresAt: null };
    expect((await this.#server.post('gift-cards/extend-expiry', extend)).status).to.equal(400);
    const token = { name: `Till that took ${code}`, permissions: [] };
    expect((await this.#server.post('api-tokens/create', token)).status).to.equal(400);
    const gift = { amount: usd('1.00'), purchaserId: 'buyer', recipientEmail: PERSON.email, message: reason };
    expect((await this.#server.post('gift-cards/create', gift)).status).to.equal(400);
  }

  /** Requests that go wrong, with codes in the right place and in the wrong ones. */
  async #attempts(): Promise<void> {
    const { code } = await this.#create();
    await this.#careless(code);
    const typo = code.slice(0, -1) + (code.endsWith('0') ? '1' : '0');
    for (const body of [
      ...[
        { code: typo, orderId: 'o5' },
        { code, orderId: 5 },
        { code: [code], orderId: 'o5' },
      ],
      ...[
        { code, orderId: 'o5', [code]: code },
        { code, orderId: 'o5', amount: { amount: code, currency: code } },
      ],
      ...[
        { cardId: code, holderId: 'x', orderId: 'o5' },
        { code: `${code}${'x'.repeat(200)}`, orderId: 'o5' },
      ],
    ]) {
      expect((await this.#server.post('gift-cards/redeem', body)).ok).to.equal(false);
    }
    const headers = { authorization: `Bearer ${this.#server.adminToken}`, 'content-type': 'application/json' };
    const urls = [`get-card?code=${code}`, `check-balance?code=${code}`, `list-cards?cursor=${code}`, `${code}`];
    for (const path of urls) await fetch(`${this.#server.url}/v1/gift-cards/${path}`, { headers });
    const redeem = `${this.#server.url}/v1/gift-cards/redeem`;
    await fetch(redeem, { method: 'POST', headers, body: `{"code":"${code}"` });
    await fetch(redeem, { method: 'POST', headers: { ...headers, 'content-type': `text/${code}` }, body: code });
    await fetch(redeem, { method: 'POST', headers: { ...headers, authorization: `Bearer ${code}` }, body: '{}' });
    const ok = { ...headers, 'idempotency-key': code };
    await fetch(redeem, {
      method: 'POST',
      headers: ok,
      body: JSON.stringify({ code, orderId: 'o6', amount: usd('1.00') }),
    });
    await this.#named(code, headers);
  }

  /** Commands and pages whose requests are named by the code: their names go into events, jobs and log lines. */
  async #named(code: string, headers: Record<string, string>): Promise<void> {
    const url = `${this.#server.url}/v1/gift-cards`;
    const batch = { amount: usd('5.00'), prefix: 'BULK', purchaserId: 'promotion', count: 1_001 };
    for (const name of ['x-correlation-id', 'x-request-id']) {
      for (const id of [code, code.toLowerCase(), `till:${code}`]) {
        const named = { ...headers, [name]: id };
        const command = { method: 'POST', headers: { ...named, 'idempotency-key': randomUUID() } };
        const reload = JSON.stringify({ code, amount: usd('1.00') });
        for (const response of [
          await fetch(`${url}/reload`, { ...command, body: reload }),
          await fetch(`${url}/bulk-create`, { ...command, body: JSON.stringify(batch) }),
          await fetch(`${url}/list-cards`, { headers: named }),
          await fetch(`${this.#server.url}/nowhere`, { headers: named }),
        ]) {
          expect(response.headers.get('x-correlation-id')).to.match(/^[0-9a-f-]{36}$/);
          await response.text();
        }
      }
    }
  }
}
