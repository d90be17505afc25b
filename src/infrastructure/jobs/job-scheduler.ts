import type { JobSchedule } from '../../application/shared/job-queue.ts';
import { JobQueueFull } from '../../application/shared/job-errors.ts';
import { dueTick, nextTick, requireCronRule, tickJobId } from './cron-rule.ts';
import type { JobQueueSettings } from './job-settings.ts';
import type { JobStore } from './job-store.ts';
import { Loop } from './loop.ts';
import { prepareJob, requireValid } from './prepare-job.ts';

/** However far the next tick is: clocks are set and machines sleep. */
const longestSleepMs = 30_000;

/** Enqueues the jobs of the schedules that this process knows; the store sees to it that each tick counts once. */
export class JobScheduler {
  readonly #store: JobStore;
  readonly #settings: JobQueueSettings;
  readonly #onEnqueued: (type: string) => void;
  readonly #schedules = new Map<string, JobSchedule>();
  readonly #loop: Loop;

  constructor(
    store: JobStore,
    settings: JobQueueSettings,
    onEnqueued: (type: string) => void,
    onFault: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#onEnqueued = onEnqueued;
    this.#loop = new Loop(() => this.#tickAll(), onFault, settings.pollMs);
  }

  async add(schedule: JobSchedule): Promise<void> {
    const { name, cron, timezone } = schedule;
    requireValid(/^[\w.:-]{1,100}$/.test(name), 'A schedule name has 1 to 100 letters, digits, ".", ":", "_" and "-"');
    const { now } = await this.#store.scheduleClock([]);
    requireCronRule(schedule, now);
    jobOfTick(schedule, now, this.#settings);
    await this.#store.openSchedule(name, cron, timezone);
    this.#schedules.set(name, schedule);
    this.#loop.soon(0);
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #tickAll(): Promise<number> {
    const { now, lastTicks } = await this.#store.scheduleClock([...this.#schedules.keys()]);
    let sleepMs = longestSleepMs;
    for (const schedule of this.#schedules.values()) {
      const last = lastTicks.get(schedule.name) ?? now;
      const tick = dueTick(schedule, last, now);
      if (tick !== undefined && !(await this.#tick(schedule, tick))) sleepMs = Math.min(sleepMs, this.#settings.pollMs);
      sleepMs = Math.min(sleepMs, nextTick(schedule, now).getTime() - now.getTime());
    }
    return sleepMs;
  }

  /** Answers false when the queue is full, so that the latest tick is tried again. */
  async #tick(schedule: JobSchedule, tick: Date): Promise<boolean> {
    try {
      const isNew = await this.#store.tick(schedule.name, tick, jobOfTick(schedule, tick, this.#settings));
      if (isNew) this.#onEnqueued(schedule.type);
      return true;
    } catch (error) {
      if (error instanceof JobQueueFull) return false;
      throw error;
    }
  }
}

function jobOfTick({ name, type, payload, tenant, priority }: JobSchedule, tick: Date, settings: JobQueueSettings) {
  const job = { id: tickJobId(name, tick), type, payload, runAt: tick, actor: 'system:schedule' };
  const given = { ...(tenant !== undefined && { tenant }), ...(priority !== undefined && { priority }) };
  return prepareJob({ ...job, ...given }, settings);
}
