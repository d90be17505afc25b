import { expect } from 'chai';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryFolder } from '../support/postgres.ts';
import { databaseRuns, ServerProcess, stopDatabase } from '../support/server-process.ts';

/** A command under its key, with the data it was answered with, where an answer came. */
interface Sent {
  readonly operation: string;
  readonly key: string;
  readonly body: object;
  answered?: unknown;
}

const clients = 12;
const crashes = 3;
const loadMs = 700;
const usd = (amount: string) => ({ amount, currency: 'USD' });

describe('a server process that is killed under load', function () {
  this.timeout(90_000);
  let dataFolder: string;
  let server: ServerProcess;

  const start = async (): Promise<void> =>
    void (server = await new ServerProcess({ DATA_FOLDER: dataFolder, RATE_LIMIT_PER_MINUTE: '0' }).ready());

  /** Creates cards and pays with them, one command after another, until the server is gone. */
  async function useUntilGone(sent: Sent[]): Promise<void> {
    for (let number = 0; ; number += 1) {
      const create = { operation: 'gift-cards/create', body: { amount: usd('20.00'), purchaserId: `user_${number}` } };
      const card = await send<{ code: string }>(sent, create);
      if (card === undefined) return;
      const body = { code: card.code, orderId: `order-${crypto.randomUUID()}`, amount: usd('0.35') };
      if ((await send(sent, { operation: 'gift-cards/redeem', body })) === undefined) return;
    }
  }

  /** The answer's data; undefined where none came. */
  async function send<T>(sent: Sent[], command: { operation: string; body: object }): Promise<T | undefined> {
    const entry: Sent = { ...command, key: crypto.randomUUID() };
    sent.push(entry);
    try {
      const data = await server.call<T>(entry.operation, entry.body, entry.key);
      entry.answered = data;
      return data;
    } catch (error) {
      // The connection broke; anything that the server itself says would be a fault.
      expect(error, String(error)).to.be.instanceOf(TypeError);
      return undefined;
    }
  }

  before(async () => {
    dataFolder = await temporaryFolder();
    await start();
  });

  after(async () => {
    await server.end('SIGKILL');
    await stopDatabase(dataFolder);
    await rm(dataFolder, { recursive: true, force: true });
  });

  it('has lost nothing that it answered, and answers the same keys the same again', async () => {
    const sent: Sent[] = [];
    for (let crash = 0; crash < crashes; crash += 1) {
      const load = Array.from({ length: clients }, () => useUntilGone(sent));
      await delay(loadMs);
      await server.end('SIGKILL');
      await Promise.all(load);
      expect(await databaseRuns(dataFolder), 'the database without its server').to.equal(true);
      await start();
    }
    const answered = sent.filter((each) => each.answered !== undefined);
    expect(answered).to.have.lengthOf.above(clients * crashes);
    for (const { operation, body, key, answered: first } of sent) {
      const again = await server.call(operation, body, key);
      if (first !== undefined) expect(again).to.deep.equal(first);
    }
    const payments = sent.filter(({ operation }) => operation === 'gift-cards/redeem').length;
    const report = await server.call<{ consistent: boolean; cards: number; entries: number }>(
      'gift-cards/reconcile',
      {},
    );
    expect(report).to.include({ consistent: true, cards: sent.length - payments, entries: sent.length });
    expect(await server.call('events/verify', {})).to.include({ intact: true });
    console.log(`        ${sent.length} commands, ${answered.length} answered, ${crashes} kills`);
  });
});
