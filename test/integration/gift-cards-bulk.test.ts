import { expect } from 'chai';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { jsonLines } from '../../src/interfaces/http/json-lines.ts';
import { inCi } from '../support/in-ci.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { ServerProcess, stopDatabase } from '../support/server-process.ts';
import { skip } from '../support/skip.ts';

const COUNT = inCi ? 1_000_000 : 50_000;
const MEMORY_LIMIT_KB = 512 * 1024;
const POLL_MS = 100;

interface Batch {
  readonly batchId: string;
  readonly jobId: string;
  readonly status: string;
  readonly count: number;
  readonly createdCount: number;
}

describe(`a batch of ${COUNT.toLocaleString('en')} gift cards`, function () {
  this.timeout(600_000);
  let dataFolder: string | undefined;
  let server: ServerProcess;
  let batch: Batch;
  const codes = new Set<string>();
  /** Of the server before it was killed, and after. */
  const peaksKb: number[] = [];

  /** To reconcile so many cards takes longer than a request usually may. */
  async function start(): Promise<void> {
    const settings = { RATE_LIMIT_PER_MINUTE: '0', REQUEST_TIMEOUT_MS: '120000' };
    server = await new ServerProcess({ DATA_FOLDER: dataFolder ?? '', ...settings }).ready();
  }

  /** The most memory that the server has had so far, in KiB; told by Linux alone. */
  async function peakKb(): Promise<number> {
    if (process.platform !== 'linux') return Number.NaN;
    const status = await readFile(`/proc/${server.child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
  }

  /** Watches the batch grow, in steps that never go back, until it has so many cards. */
  async function grown(to: number): Promise<void> {
    const steps = [0];
    while ((steps.at(-1) ?? 0) < to) {
      await delay(POLL_MS);
      const { createdCount } = await server.call<Batch>('gift-cards/get-batch', { batchId: batch.batchId });
      expect(createdCount).to.be.within(steps.at(-1) ?? 0, COUNT);
      steps.push(createdCount);
    }
    expect(new Set(steps).size, 'steps seen').to.be.above(2);
  }

  async function finishedJob(): Promise<{ readonly state: string; readonly progress: object }> {
    for (;;) {
      const job = await server.call<{ state: string; progress: object }>('jobs/get', { jobId: batch.jobId });
      if (job.state !== 'running') return job;
      await delay(POLL_MS);
    }
  }

  async function download(): Promise<void> {
    const response = await server.post('gift-cards/download-batch', { batchId: batch.batchId });
    expect(response.status).to.equal(200);
    if (response.body === null) throw new Error('The download is empty.');
    let index = 0;
    for await (const line of jsonLines(response.body)) {
      const card = line as { readonly index: number; readonly code: string };
      expect(card.index).to.equal(index);
      codes.add(card.code);
      index += 1;
    }
    expect(index).to.equal(COUNT);
  }

  before(async () => {
    dataFolder = await temporaryFolder();
    await start();
  });
  after(async () => {
    if (dataFolder === undefined) return;
    await server.end('SIGKILL');
    await stopDatabase(dataFolder);
    await rm(dataFolder, { recursive: true, force: true });
  });

  it('is made by a job that a server killed in the middle does not stop', async () => {
    const input = { count: COUNT, amount: { amount: '25.00', currency: 'USD' }, purchaserId: 'user_1' };
    batch = await server.call<Batch>('gift-cards/bulk-create', input);
    await grown(COUNT / 3);
    peaksKb.push(await peakKb());
    await server.end('SIGKILL');
    await start();
    await grown(COUNT);
    const job = await finishedJob();
    expect(job).to.include({ state: 'completed' });
    expect(job.progress).to.include({ done: COUNT, total: COUNT });
  });

  it('is downloaded whole, each code once', async () => {
    await download();
    expect(codes.size).to.equal(COUNT);
    const [some = ''] = codes;
    const balance = await server.call<object>('gift-cards/check-balance', { code: some });
    expect(balance).to.deep.include({ currentBalance: { amount: '25.00', currency: 'USD' } });
  });

  it('takes less than 512 MiB of the server, made and downloaded', async function () {
    if (process.platform !== 'linux') skip(this, 'only Linux tells the most memory that a process has had');
    peaksKb.push(await peakKb());
    console.log(`        at most ${peaksKb.map((kb) => Math.round(kb / 1024)).join(' and ')} MiB`);
    expect(Math.max(...peaksKb), 'KiB').to.be.below(MEMORY_LIMIT_KB);
  });

  it('is in the books to the cent', async () => {
    const report = await server.call<object>('gift-cards/reconcile', {});
    expect(report).to.include({ consistent: true, cards: COUNT, entries: COUNT });
  });
});
