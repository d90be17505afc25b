import { expect } from 'chai';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inState, jobOf, uniqueType, until } from '../../src/contracts/jobs/job-queue-site.ts';
import { postgresJobQueue } from '../../src/infrastructure/jobs/postgres-job-queue.ts';
import type { PostgresJobQueue } from '../../src/infrastructure/jobs/postgres-job-queue.ts';
import { jobsDatabase } from '../support/jobs-database.ts';
import type { JobsDatabase } from '../support/jobs-database.ts';

const script = fileURLToPath(new URL('../support/jobs-worker-child.ts', import.meta.url));

describe('The jobs of a process that dies or sleeps', () => {
  let database: JobsDatabase;
  let queue: PostgresJobQueue;
  let child: ChildProcess;
  let said: string[];
  let type: string;

  before(async () => {
    database = await jobsDatabase();
  });

  beforeEach(() => {
    type = uniqueType('takeover');
    said = [];
    queue = postgresJobQueue({ pool: database.pool(), onFault: (error) => said.push(`fault here: ${String(error)}`) });
    child = spawn(process.execPath, [script, database.applicationUrl, type], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => said.push(...text.trim().split('\n')));
  });

  afterEach(async () => {
    await queue.close({ deadlineMs: 0 });
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  });

  after(() => database.close());

  const heard = (line: string) => until(`the child says ${line}`, async () => said.includes(line));

  it('are taken over within five seconds when it is killed, at their last checkpoint', async () => {
    const job = jobOf(type);
    await queue.enqueue(job);
    await heard('started');
    child.kill('SIGKILL');
    const killedAt = performance.now();
    queue.work([
      { type, handler: async (_job, { attempt, state }) => [performance.now() - killedAt, attempt, state ?? null] },
    ]);
    const { result, failures } = await inState(queue, job.id, 'completed');
    const [takenOverMs, ...rest] = result as [number, number, string];
    expect(takenOverMs).to.be.below(5_000);
    expect(rest).to.deep.equal([2, 'from the child']);
    expect(failures.map(({ code }) => code)).to.deep.equal(['jobs.lease_lost']);
  });

  it('are no longer its own when it wakes up late: it can write nothing', async () => {
    const job = jobOf(type);
    await queue.enqueue(job);
    await heard('started');
    child.kill('SIGSTOP');
    queue.work([
      {
        type,
        handler: async (_job, context) => {
          await context.progress(1);
          child.kill('SIGUSR2');
          child.kill('SIGCONT');
          await heard('refused JobLeaseLost');
          return 'from the successor';
        },
      },
    ]);
    const done = await inState(queue, job.id, 'completed', 12_000);
    await heard('ended lost');
    expect(said.filter((line) => line === 'refused JobLeaseLost')).to.have.length(2);
    expect(said).not.to.include('written');
    const kept = await queue.get(job.id);
    expect(kept).to.deep.equal(done);
    expect([kept?.result, kept?.checkpoint, kept?.progress?.done]).to.deep.equal([
      'from the successor',
      'from the child',
      1,
    ]);
  });
});
