import { expect } from 'chai';
import fc from 'fast-check';
import { RecentMap } from '../../src/application/shared/recent-map.ts';
import { createMemoryRateCounters } from '../../src/infrastructure/memory/memory-rate-counters.ts';
import { addressKey, callerKey } from '../../src/infrastructure/rate-limit/caller-key.ts';
import { SlidingWindows } from '../../src/infrastructure/rate-limit/sliding-windows.ts';

const LIMIT = { max: 10, windowMs: 60_000 };
const START = 1_800_000_000_000;

function takeAll(windows: SlidingWindows, now: number, tries: number, key = 'a'): number {
  let taken = 0;
  for (let index = 0; index < tries; index += 1) if (windows.take(key, LIMIT, now) === 0) taken += 1;
  return taken;
}

describe('Sliding windows', () => {
  it('admit as many hits as the limit says and no more', () => {
    const windows = new SlidingWindows();
    expect(takeAll(windows, START, 50)).to.equal(10);
    expect(windows.remaining('a', LIMIT, START)).to.equal(0);
  });

  it('count each key for itself', () => {
    const windows = new SlidingWindows();
    takeAll(windows, START, 50, 'a');
    expect(takeAll(windows, START, 50, 'b')).to.equal(10);
  });

  it('give back room bit by bit in the next window', () => {
    const windows = new SlidingWindows();
    takeAll(windows, START, 10);
    expect(windows.remaining('a', LIMIT, START + 60_000)).to.equal(0);
    expect(windows.remaining('a', LIMIT, START + 90_000)).to.equal(5);
    expect(takeAll(windows, START + 90_000, 50)).to.equal(5);
  });

  it('forget everything after two windows', () => {
    const windows = new SlidingWindows();
    takeAll(windows, START, 10);
    expect(windows.remaining('a', LIMIT, START + 120_000)).to.equal(10);
  });

  it('say exactly how long to wait', () => {
    const times = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 5, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), times, (max, steps) => {
        const windows = new SlidingWindows();
        const limit = { max, windowMs: 60_000 };
        let now = START;
        for (const step of steps) {
          now += step;
          const wait = windows.take('a', limit, now);
          if (wait === 0) continue;
          expect(windows.wait('a', limit, now + wait - 1), 'a millisecond earlier').to.be.greaterThan(0);
          now += wait;
          expect(windows.take('a', limit, now), 'after the wait').to.equal(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never admit more than the limit within one fixed window', () => {
    const times = fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 50, maxLength: 300 });
    fc.assert(
      fc.property(times, (steps) => {
        const windows = new SlidingWindows();
        const admitted = new Map<number, number>();
        let now = START;
        for (const step of steps) {
          now += step;
          if (windows.take('a', LIMIT, now) > 0) continue;
          const window = Math.floor(now / LIMIT.windowMs);
          admitted.set(window, (admitted.get(window) ?? 0) + 1);
        }
        expect(Math.max(...admitted.values())).to.be.at.most(LIMIT.max);
      }),
      { numRuns: 200 },
    );
  });

  it('admit nothing where the limit is 0', () => {
    const windows = new SlidingWindows();
    expect(windows.take('a', { max: 0, windowMs: 60_000 }, START)).to.be.greaterThan(0);
  });

  it('stay in force when the clock is set back', () => {
    const windows = new SlidingWindows();
    takeAll(windows, START, 10);
    expect(windows.take('a', LIMIT, START - 3_600_000)).to.be.greaterThan(0);
  });

  it('take back a hit that was not used', () => {
    const windows = new SlidingWindows();
    takeAll(windows, START, 10);
    windows.giveBack('a', LIMIT, START);
    expect(takeAll(windows, START, 5)).to.equal(1);
  });

  it('keep a bounded number of keys and drop the ones longest unused', () => {
    const windows = new SlidingWindows({ capacity: 100 });
    takeAll(windows, START, 10, 'old');
    takeAll(windows, START, 10, 'busy');
    for (let index = 0; index < 1000; index += 1) {
      windows.hit(`key ${index}`, LIMIT, START);
      windows.wait('busy', LIMIT, START);
    }
    expect(windows.remaining('old', LIMIT, START)).to.equal(10);
    expect(windows.remaining('busy', LIMIT, START)).to.equal(0);
  });
});

describe('Sliding windows of several instances', () => {
  const instances = (count: number) => {
    const shared = createMemoryRateCounters(() => START);
    return Array.from({ length: count }, () => new SlidingWindows({ shared }));
  };
  const merge = async (all: readonly SlidingWindows[]) => {
    for (const one of all) await one.merge();
  };

  it('admit what the limit says once they have merged', async () => {
    const [one, two] = instances(2) as [SlidingWindows, SlidingWindows];
    expect(takeAll(one, START, 6)).to.equal(6);
    two.wait('a', LIMIT, START);
    await merge([one, two]);
    expect(takeAll(two, START, 50)).to.equal(4);
    await merge([one, two]);
    one.wait('a', LIMIT, START);
    await merge([one]);
    expect(takeAll(one, START, 50)).to.equal(0);
  });

  it('count no hit twice, however often they merge', async () => {
    const [one, two] = instances(2) as [SlidingWindows, SlidingWindows];
    takeAll(one, START, 3);
    takeAll(two, START, 2);
    for (let round = 0; round < 5; round += 1) {
      one.wait('a', LIMIT, START);
      two.wait('a', LIMIT, START);
      await merge([one, two]);
    }
    expect(one.remaining('a', LIMIT, START)).to.equal(5);
    expect(two.remaining('a', LIMIT, START)).to.equal(5);
  });

  it('together admit at most what each would alone before they merge', async () => {
    const all = instances(3);
    const taken = all.map((one) => takeAll(one, START, 50)).reduce((sum, count) => sum + count, 0);
    expect(taken).to.equal(30);
    await merge(all);
    expect(all.map((one) => takeAll(one, START + 61_000, 50))).to.deep.equal([0, 0, 0]);
  });

  it('keep the hits that were counted while a merge was under way', async () => {
    let release = (_totals: readonly number[]): void => undefined;
    const windows = new SlidingWindows({
      shared: { exchange: () => new Promise((resolve) => (release = resolve)) },
    });
    takeAll(windows, START, 2);
    const merging = windows.merge();
    takeAll(windows, START, 3);
    release([6, 0]);
    await merging;
    expect(windows.remaining('a', LIMIT, START)).to.equal(1);
  });

  it('hand over what was counted at the end of a window that has passed', async () => {
    const [one, two] = instances(2) as [SlidingWindows, SlidingWindows];
    takeAll(one, START + 59_999, 1);
    await merge([one]);
    takeAll(one, START + 59_999, 7);
    takeAll(one, START + 60_000, 1);
    await merge([one]);
    two.wait('a', LIMIT, START + 60_000);
    await merge([two]);
    expect(two.remaining('a', LIMIT, START + 60_000)).to.equal(1);
  });

  it('tell a new instance what was counted before it came', async () => {
    const [one, late] = instances(2) as [SlidingWindows, SlidingWindows];
    takeAll(one, START, 10);
    await merge([one]);
    expect(late.wait('a', LIMIT, START + 66_000)).to.equal(0);
    await merge([late]);
    expect(late.remaining('a', LIMIT, START + 66_000)).to.equal(1);
  });

  it('go on with their own counts when the store fails', async () => {
    const windows = new SlidingWindows({ shared: { exchange: () => Promise.reject(new Error('down')) } });
    takeAll(windows, START, 10);
    const failure = await windows.merge().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    expect(takeAll(windows, START, 5)).to.equal(0);
  });
});

describe('The key of a caller', () => {
  const principal = (kind: 'user' | 'anonymous', id: string, tenant = 'default') => ({
    id,
    kind,
    tenant,
    permissions: new Set<string>(),
  });

  it('is the principal, whatever address it calls from', () => {
    const key = callerKey({ principal: principal('user', 'user:1'), address: '192.0.2.1' });
    expect(callerKey({ principal: principal('user', 'user:1'), address: '192.0.2.2' })).to.equal(key);
    expect(callerKey({ principal: principal('user', 'user:1', 'other') })).to.not.equal(key);
  });

  it('is the address of an unknown caller', () => {
    const key = (address?: string) => callerKey({ principal: principal('anonymous', 'anonymous'), address });
    expect(key('192.0.2.1')).to.not.equal(key('192.0.2.2'));
    expect(key(undefined)).to.equal(key(undefined));
  });

  it('holds together all addresses that one subscriber of IPv6 has', () => {
    expect(addressKey('2001:db8:1:2::1')).to.equal('2001:db8:1:2::/64');
    expect(addressKey('2001:DB8:1:2:ffff:0:0:1')).to.equal('2001:db8:1:2::/64');
    expect(addressKey('2001:0db8:0001:0002::')).to.equal('2001:db8:1:2::/64');
    expect(addressKey('2001:db8:1:3::1')).to.equal('2001:db8:1:3::/64');
    expect(addressKey('2001:db8::1')).to.equal('2001:db8:0:0::/64');
    expect(addressKey('::1')).to.equal('0:0:0:0::/64');
    expect(addressKey('fe80::1%eth0')).to.equal('fe80:0:0:0::/64');
    expect(addressKey('64:ff9b::192.0.2.33')).to.equal('64:ff9b:0:0::/64');
  });

  it('is the same for an IPv4 address however it is written', () => {
    expect(addressKey('::ffff:192.0.2.1')).to.equal(addressKey('192.0.2.1'));
  });

  it('has one place for everything that is no address', () => {
    expect(addressKey('a:b')).to.equal('unknown');
    expect(addressKey(undefined)).to.equal('unknown');
  });
});

describe('A recent map', () => {
  it('never holds more than its capacity and always the entry used last', () => {
    const keys = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), keys, (capacity, used) => {
        const map = new RecentMap<number, number>(capacity);
        for (const key of used) {
          if (map.get(key) === undefined) map.set(key, key);
          expect(map.get(key)).to.equal(key);
          expect(map.size).to.be.at.most(capacity);
        }
      }),
    );
  });

  it('keeps every entry that is among the last half of its capacity in use', () => {
    const map = new RecentMap<number, string>(10);
    for (let key = 0; key < 100; key += 1) {
      map.set(key, 'x');
      for (let recent = Math.max(0, key - 4); recent <= key; recent += 1) expect(map.get(recent)).to.equal('x');
    }
  });

  it('forgets what is deleted, wherever it was', () => {
    const map = new RecentMap<number, string>(4);
    for (const key of [1, 2, 3]) map.set(key, 'x');
    map.delete(1);
    map.delete(3);
    expect([map.get(1), map.get(2), map.get(3)]).to.deep.equal([undefined, 'x', undefined]);
  });
});
