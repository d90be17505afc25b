import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { giftCardHandlers, giftCards } from '../../src/application/gift-cards/index.ts';
import { jobHandlers, jobs } from '../../src/application/jobs/index.ts';
import type { JobQueue } from '../../src/application/shared/job-queue.ts';
import { CommandInProgress, ResourceBusy } from '../../src/application/shared/errors.ts';
import { compile } from '../../src/application/shared/pipeline.ts';
import { errorsDocument } from '../../src/composition/errors-document.ts';
import { memoryJobQueue } from '../../src/infrastructure/jobs/memory-job-queue.ts';
import { overdue } from '../../src/infrastructure/postgres/batch-failure.ts';
import { uuidHash } from '../../src/infrastructure/system/keyed-hash.ts';
import { createHttpApi } from '../../src/interfaces/http/http-api.ts';
import { httpClient, type Fetch } from '../../src/interfaces/http/http-client.ts';
import { HttpServer } from '../../src/interfaces/http/http-server.ts';
import { clerk } from '../support/demo-api.ts';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';

interface Answer {
  readonly code: string;
  readonly retryAfter: string | null;
  /** How often a client of ours has asked. */
  readonly requests: number;
}

describe('a conflict over HTTP', () => {
  const world = new GiftCardWorld({ bulkInlineMax: 1 });
  let queue: JobQueue;
  let server: HttpServer;
  let url: string;

  before(async () => {
    queue = memoryJobQueue();
    const held = async (): Promise<never> => {
      throw overdue('held');
    };
    const running = async (): Promise<never> => {
      throw new CommandInProgress('This command is running.', { retryAfterSeconds: 1 });
    };
    const handlers = { ...giftCardHandlers(world.ports), freeze: held, unfreeze: running };
    const hooks = { hash: uuidHash(new Uint8Array(32)) };
    const operations = new Map([...compile(giftCards, handlers, hooks), ...compile(jobs, jobHandlers(queue), hooks)]);
    const options = { anonymous: clerk, authenticate: () => clerk, report: () => undefined };
    server = new HttpServer(createHttpApi({ operations, info: { title: 'Cards', version: '1.2.3' }, ...options }));
    url = `http://127.0.0.1:${(await server.listen(0, '127.0.0.1')).port}`;
  });
  after(async () => {
    await server.close(0);
    await queue.close({ deadlineMs: 0 });
  });

  /** What an operation answers that is in conflict, and how a client takes it whose time passes at once. */
  async function conflict(path: string, input: object, call: (client: Client) => Promise<unknown>): Promise<Answer> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const response = await fetch(`${url}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(input) });
    const { error } = (await response.json()) as { error: { code: string } };
    expect(response.status, error.code).to.equal(409);
    let requests = 0;
    const client = clientOf(url, () => (requests += 1));
    const failure = (await call(client).catch((reason: unknown) => reason)) as { code: string };
    expect(failure.code).to.equal(error.code);
    return { code: error.code, retryAfter: response.headers.get('retry-after'), requests };
  }

  it('is repeated by clients, and has Retry-After, as the page of errors says', async () => {
    const { batchId } = await world.call('bulkCreate', { count: 2, amount: usd('1.00') });
    const jobId = randomUUID();
    await queue.enqueue({ id: jobId, type: 'waiting', tenant: clerk.tenant, payload: {} });
    const staff = { cardId: batchId, reason: 'lost' };
    const answers = [
      await conflict('gift-cards/freeze', staff, (client) => client.GiftCard.freeze(staff)),
      await conflict('gift-cards/unfreeze', staff, (client) => client.GiftCard.unfreeze(staff)),
      await conflict('gift-cards/acknowledge-batch', { batchId }, (client) =>
        client.GiftCard.acknowledgeBatch({ batchId }),
      ),
      await conflict('gift-cards/download-batch', { batchId }, async (client) => {
        for await (const card of client.GiftCard.downloadBatch({ batchId })) expect.fail(JSON.stringify(card));
      }),
      await conflict('jobs/redrive', { jobId }, (client) => client.Job.redrive({ jobId })),
    ];
    expect(answers).to.deep.equal([
      { code: ResourceBusy.code, retryAfter: '1', requests: 2 },
      { code: CommandInProgress.code, retryAfter: '1', requests: 2 },
      { code: 'gift_cards.batch_not_ready', retryAfter: '5', requests: 1 },
      { code: 'gift_cards.batch_not_ready', retryAfter: '5', requests: 1 },
      { code: 'jobs.not_dead', retryAfter: null, requests: 1 },
    ]);
    expect(told()).to.deep.equal({
      repeated: [CommandInProgress.code, ResourceBusy.code],
      pollable: ['gift_cards.batch_not_ready'],
      neither: ['jobs.not_dead'],
    });
  });
});

type Client = ReturnType<typeof clientOf>;

/** A client that has two attempts, and need not wait for the second. */
function clientOf(baseUrl: string, asks: () => void) {
  const impatient: Fetch = async (url, init) => {
    asks();
    const answer = await fetch(url, init);
    const { status, body } = answer;
    const headers = {
      get: (name: string) => (name === 'retry-after' && answer.headers.has(name) ? '0' : answer.headers.get(name)),
    };
    return { status, headers, body, text: () => answer.text() };
  };
  return httpClient([giftCards, jobs], { baseUrl, fetch: impatient, retry: { attempts: 2 } });
}

/** What the page of errors says of conflicts: the codes that its three statements name. */
function told() {
  const page = errorsDocument().replaceAll('\n', ' ');
  const statements = {
    repeated: /it has `Retry-After`, and clients of this package repeat the request then: (.*?)\. Any other 409/,
    pollable: /clients of this package do not repeat it\. For the batch to be done \((.*?)\) `Retry-After` says/,
    neither: /for the job to die \((.*?)\) there is none/,
  };
  return Object.fromEntries(
    Object.entries(statements).map(([name, pattern]) => [
      name,
      [...(pattern.exec(page)?.[1] ?? '').matchAll(/`([a-z_.]+)`/g)].map(([, code]) => code),
    ]),
  );
}
