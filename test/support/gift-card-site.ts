import type { LoggedEvent } from '../../src/application/shared/event-log.ts';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { memoryGiftCards } from '../../src/infrastructure/memory/memory-gift-cards.ts';
import type { UnplacedEvent } from '../../src/infrastructure/memory/memory-gift-card-store.ts';

/** A log that can be appended to and read, and nothing else. */
export class ListLog {
  readonly events: LoggedEvent[] = [];

  readonly append = (events: readonly UnplacedEvent[]): bigint => {
    for (const event of events) this.events.push({ ...event, position: BigInt(this.events.length + 1) });
    return BigInt(this.events.length);
  };

  async read(after: bigint, limit: number, filter: { tenant?: string; types?: readonly string[] } = {}) {
    const found = this.events.filter(
      ({ position, tenant, type }) =>
        position > after && (filter.tenant ?? tenant) === tenant && (filter.types ?? [type]).includes(type),
    );
    const events = found.slice(0, limit);
    const last = found.length > limit ? events.at(-1)?.position : BigInt(this.events.length);
    return { events, position: last ?? after };
  }

  async readStream(tenant: string, stream: string, fromVersion: number, limit: number) {
    return this.events
      .filter((event) => event.tenant === tenant && event.stream === stream && event.streamVersion >= fromVersion)
      .slice(0, limit);
  }

  async reached(): Promise<void> {}
}

/** Gift cards in memory with a clock that moves by hand only. */
export function memoryGiftCardSite(start = new Date('2030-01-01T00:00:00.000Z')): GiftCardSite & {
  readonly log: ListLog;
  passTime(ms: number): Promise<void>;
} {
  let now = start.getTime();
  const log = new ListLog();
  const ports = memoryGiftCards({ append: log.append, now: () => new Date(now) });
  return {
    ...ports,
    log,
    async passTime(ms) {
      now += ms;
    },
    async close() {},
  };
}
