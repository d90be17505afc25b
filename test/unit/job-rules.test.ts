import { expect } from 'chai';
import fc from 'fast-check';
import { JobTimedOut, PermanentJobFailure, snooze } from '../../src/application/shared/job-errors.ts';
import { InvalidInput, ServiceUnavailable } from '../../src/application/shared/errors.ts';
import type { RetryPolicy } from '../../src/application/shared/job-queue.ts';
import { dueTick, nextTick, requireCronRule, tickJobId } from '../../src/infrastructure/jobs/cron-rule.ts';
import { summarizeFailure } from '../../src/infrastructure/jobs/failure-summary.ts';
import { conclude } from '../../src/infrastructure/jobs/job-conclusion.ts';
import { completeSettings } from '../../src/infrastructure/jobs/job-settings.ts';
import type { ClaimedJob } from '../../src/infrastructure/jobs/job-store.ts';
import { MemoryJobStore } from '../../src/infrastructure/jobs/memory-job-store.ts';
import { MemoryJobTable } from '../../src/infrastructure/jobs/memory-job-table.ts';
import { prepareJob } from '../../src/infrastructure/jobs/prepare-job.ts';
import { retryDelayMs } from '../../src/infrastructure/jobs/retry-delay.ts';

const id = '6f1c0de2-3b8e-4c5a-9d0f-0123456789ab';
const settings = completeSettings({
  headStartMs: { critical: 3_000, high_priority: 2_000, default: 1_000, low_priority: 0 },
});

async function claimedJob(attempt: number): Promise<ClaimedJob> {
  const store = new MemoryJobStore(new MemoryJobTable(() => 0), settings);
  await store.insert([prepareJob({ id, type: 'a', payload: {} }, settings)]);
  const [claimed] = await store.claim([{ type: 'a', free: 1, maxAttempts: 1, leaseMs: 1 }], 1);
  if (claimed === undefined) throw new Error('Nothing was claimed');
  return { ...claimed, job: { ...claimed.job, attempt } };
}

describe('The wait before a retry', () => {
  it('follows the list and then repeats its last entry', () => {
    const policy = { attempts: 9, backoff: [5_000, 10_000, 20_000] };
    expect([1, 2, 3, 4, 5].map((attempt) => retryDelayMs(policy, attempt, 0.9))).to.deep.equal([
      5_000, 10_000, 20_000, 20_000, 20_000,
    ]);
    expect(retryDelayMs({ attempts: 2, backoff: [] }, 1, 0)).to.equal(0);
  });

  it('grows by a factor up to its maximum', () => {
    const policy = { attempts: 9, backoff: { initialMs: 100, factor: 3, maxMs: 1_000 } };
    expect([1, 2, 3, 4, 900].map((attempt) => retryDelayMs(policy, attempt, 0))).to.deep.equal([
      100, 300, 900, 1_000, 1_000,
    ]);
  });

  it('is lengthened by jitter, never shortened and never by more than the fraction', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
        const delayMs = retryDelayMs({ attempts: 2, backoff: [1_000], jitter: 0.2 }, 1, random);
        expect(delayMs).to.be.within(1_000, 1_200);
      }),
    );
  });
});

describe('What becomes of a job', () => {
  const retries: RetryPolicy = { attempts: 2, backoff: [70] };
  const outcomeOf = async (error: unknown, attempt = 1) => {
    const { outcome, settlement } = conclude(await claimedJob(attempt), retries, { kind: 'threw', error }, 0);
    return { outcome, state: settlement?.state, delayMs: settlement?.delayMs, refund: settlement?.refund };
  };

  it('depends on the kind of the error: unknown ones and those that may go away are retried', async () => {
    const retried = { outcome: 'retried', state: 'scheduled', delayMs: 70, refund: false };
    for (const error of [new Error('?'), 'a string', null, new ServiceUnavailable('down'), new JobTimedOut('slow')]) {
      expect(await outcomeOf(error)).to.deep.equal(retried);
    }
  });

  it('is death where no repetition can help, and when the attempts are used up', async () => {
    const dead = { outcome: 'dead', state: 'dead', delayMs: undefined, refund: false };
    expect(await outcomeOf(new PermanentJobFailure('never'))).to.deep.equal(dead);
    expect(await outcomeOf(new InvalidInput('never'))).to.deep.equal(dead);
    expect(await outcomeOf(new Error('?'), 2)).to.deep.equal(dead);
  });

  it('is a free repetition for a snooze, even at the last attempt', async () => {
    const snoozed = { outcome: 'snoozed', state: 'scheduled', delayMs: 30, refund: true };
    expect(await outcomeOf(snooze(30), 2)).to.deep.equal(snoozed);
  });
});

describe('The summary of a failure', () => {
  it('keeps code and message of a domain error, cut and printable', () => {
    const summary = summarizeFailure(new PermanentJobFailure(`a\u0000b\n${'x'.repeat(600)}`));
    expect(summary.code).to.equal('jobs.permanent_failure');
    expect(summary.message)
      .to.have.length(500)
      .and.match(/^a b x+$/);
  });

  it('keeps class, code and place of any other error but not its message, which may repeat data', () => {
    const error = Object.assign(new TypeError('550 <ann@example.org>\n    at ann@example.org'), { code: 'EENVELOPE' });
    const { code, message } = summarizeFailure(error);
    expect(code).to.equal('unexpected');
    expect(message).to.match(/^TypeError EENVELOPE at .*job-rules\.test\.ts:\d+:\d+/);
    expect(message).not.to.include('example.org');
  });

  it('bears whatever is thrown', () => {
    const odd = Object.assign(new Error('secret'), { stack: 'secret', code: 'not a code: secret' });
    for (const thrown of ['secret', undefined, 42, odd]) {
      expect(summarizeFailure(thrown).message).not.to.include('secret');
    }
  });
});

describe('The ticks of a schedule', () => {
  const berlin = (cron: string) => ({ cron, timezone: 'Europe/Berlin' });
  const at = (text: string) => new Date(text);

  it('are passed over but for the latest', () => {
    const rule = berlin('0 * * * *');
    expect(dueTick(rule, at('2026-01-01T00:00:00Z'), at('2026-01-01T00:59:59.999Z'))).to.equal(undefined);
    expect(dueTick(rule, at('2026-01-01T00:00:00Z'), at('2026-01-01T01:00:00Z'))).to.deep.equal(
      at('2026-01-01T01:00:00Z'),
    );
    expect(dueTick(rule, at('2026-01-01T00:00:00Z'), at('2026-01-03T05:30:00Z'))).to.deep.equal(
      at('2026-01-03T05:00:00Z'),
    );
  });

  it('come once on the day when the clock is put forward over them', () => {
    const rule = berlin('30 2 * * *');
    const tick = dueTick(rule, at('2026-03-28T12:00:00Z'), at('2026-03-29T12:00:00Z'));
    expect(tick).to.deep.equal(at('2026-03-29T01:30:00Z'));
    expect(dueTick(rule, at('2026-03-29T01:30:00Z'), at('2026-03-29T12:00:00Z'))).to.equal(undefined);
  });

  it('come once on the day when the clock is put back over them', () => {
    const rule = berlin('30 2 * * *');
    const tick = dueTick(rule, at('2026-10-24T12:00:00Z'), at('2026-10-25T00:30:00Z'));
    expect(tick).to.deep.equal(at('2026-10-25T00:30:00Z'));
    expect(dueTick(rule, at('2026-10-25T00:30:00Z'), at('2026-10-25T12:00:00Z'))).to.equal(undefined);
  });

  it('always come after the last one and not after now', () => {
    const rules = ['*/15 * * * *', '0 9 * * 1-5', '30 2 * * *', '0 0 1 * *'].map(berlin);
    const instants = fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2027, 0, 1) });
    const property = fc.property(fc.constantFrom(...rules), instants, instants, (rule, one, other) => {
      const [last, now] = [new Date(Math.min(one, other)), new Date(Math.max(one, other))];
      const tick = dueTick(rule, last, now);
      expect(tick === undefined).to.equal(nextTick(rule, last) > now);
      if (tick !== undefined) expect(tick.getTime()).to.be.above(last.getTime()).and.at.most(now.getTime());
    });
    fc.assert(property, { numRuns: 50 });
  });

  it('give their jobs ids that are UUIDs and follow from name and tick alone', () => {
    const first = tickJobId('sweep', at('2026-01-01T00:00:00Z'));
    expect(first).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(tickJobId('sweep', at('2026-01-01T00:00:00Z'))).to.equal(first);
    expect(tickJobId('sweep', at('2026-01-01T00:00:01Z'))).not.to.equal(first);
    expect(tickJobId('purge', at('2026-01-01T00:00:00Z'))).not.to.equal(first);
  });

  it('need a rule of five or six fields', () => {
    for (const cron of ['', '* * * *', '* * * * * * *', '@daily']) {
      expect(() => requireCronRule(berlin(cron), new Date(0)), cron).to.throw();
    }
  });
});

describe('Jobs in memory under a clock of the test', () => {
  const slot = { type: 'a', free: 9, maxAttempts: 3, leaseMs: 1_000 };

  it('become due, lose their worker and are forgotten by that clock', async () => {
    let now = 1_000_000;
    const store = new MemoryJobStore(new MemoryJobTable(() => now), settings);
    await store.insert([prepareJob({ id, type: 'a', payload: {}, delayMs: 60_000 }, settings)]);
    expect(await store.maintain(['a'], [])).to.equal(60_000);
    expect(await store.claim([slot], 9)).to.deep.equal([]);
    now += 60_000;
    await store.maintain(['a'], []);
    const [claimed] = await store.claim([slot], 9);
    expect(claimed?.job.startedAt).to.deep.equal(new Date(now));
    now += 1_001;
    await store.maintain(['a'], []);
    expect((await store.find(id))?.state).to.equal('queued');
    const [again] = await store.claim([slot], 9);
    expect(again?.claim).to.equal(2);
    const ended = {
      id,
      state: 'completed',
      delayMs: undefined,
      refund: false,
      result: '1',
      failure: undefined,
    } as const;
    expect((await store.settle([{ ...ended, claim: 1 }])).size).to.equal(0);
    expect((await store.settle([{ ...ended, claim: 2 }])).size).to.equal(1);
    now += 5_000;
    expect(await store.purge(5_001, ['completed'])).to.equal(0);
    expect(await store.purge(5_000, ['completed'])).to.equal(1);
  });
});
