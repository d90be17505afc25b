import { createHash } from 'node:crypto';
import { CronExpressionParser } from 'cron-parser';
import { InvalidJob } from '../../application/shared/job-errors.ts';

/** When a schedule ticks: a cron expression of five fields, or six with seconds first, in a time zone. */
export interface CronRule {
  readonly cron: string;
  readonly timezone: string;
}

/** Throws `InvalidJob` unless the rule has a next tick. */
export function requireCronRule(rule: CronRule, now: Date): void {
  const fields = rule.cron.trim().split(/\s+/).length;
  if (fields !== 5 && fields !== 6) throw new InvalidJob('A cron expression has five or six fields');
  try {
    nextTick(rule, now);
  } catch (cause) {
    const error = new InvalidJob(`No cron expression and time zone: ${rule.cron}, ${rule.timezone}`);
    error.cause = cause;
    throw error;
  }
}

/** The first tick after an instant. */
export function nextTick({ cron, timezone }: CronRule, after: Date): Date {
  return CronExpressionParser.parse(cron, { currentDate: after, tz: timezone }).next().toDate();
}

/** The latest tick up to now, if there is one after the last; the ones between are passed over. */
export function dueTick(rule: CronRule, last: Date, now: Date): Date | undefined {
  const next = nextTick(rule, last);
  if (next > now) return undefined;
  // The parser looks for a tick strictly before; in a gap of local time it finds an earlier one than `next` did.
  const justAfterNow = new Date(now.getTime() + 1);
  const options = { currentDate: justAfterNow, tz: rule.timezone };
  const latest = CronExpressionParser.parse(rule.cron, options).prev().toDate();
  return latest > next ? latest : next;
}

/** The id of the job of one tick, a UUID (version 8) that follows from the schedule's name and the tick. */
export function tickJobId(name: string, tick: Date): string {
  const hash = createHash('sha256').update(`${name} ${tick.toISOString()}`).digest();
  hash[6] = (hash.readUInt8(6) & 0x0f) | 0x80;
  hash[8] = (hash.readUInt8(8) & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
