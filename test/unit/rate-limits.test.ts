import { expect } from 'chai';
import { z } from 'zod';
import type { Call, Principal } from '../../src/application/shared/call.ts';
import { context, query } from '../../src/application/shared/contract.ts';
import { RateLimited } from '../../src/application/shared/errors.ts';
import { compile, type CompiledOperation } from '../../src/application/shared/pipeline.ts';
import { createMemoryRateCounters } from '../../src/infrastructure/memory/memory-rate-counters.ts';
import { loadConfig } from '../../src/composition/config.ts';
import { createGuessGuard } from '../../src/infrastructure/rate-limit/guess-guard.ts';
import {
  createRateLimits,
  windowLimit,
  type RateLimitOptions,
} from '../../src/infrastructure/rate-limit/rate-limits.ts';
import { SlidingWindows } from '../../src/infrastructure/rate-limit/sliding-windows.ts';

const START = 1_800_000_000_000;
const DAY_MS = 86_400_000;

const things = context({
  name: 'things',
  noun: 'Thing',
  operations: {
    look: query({ summary: 'Look', input: z.object({}), output: z.number(), errors: [] }),
    search: query({
      summary: 'Search',
      input: z.object({}),
      output: z.number(),
      errors: [],
      rateLimit: { max: 2, windowSeconds: 10 },
    }),
  },
  events: {},
});

const principal = (id: string, kind: Principal['kind'] = 'user'): Principal => ({
  id,
  kind,
  tenant: 'default',
  permissions: new Set(['*']),
});
const callBy = (who: Principal, address?: string): Call => ({ principal: who, correlationId: 'c', address });
const user = callBy(principal('user:1'));

function setUp(defaults: RateLimitOptions['defaults'] = { operation: { max: 5 }, caller: { max: 6 } }) {
  const clock = { now: START };
  const limits = createRateLimits({ counters: new SlidingWindows(), now: () => clock.now, defaults });
  const answer = () => Promise.resolve({ data: 1 });
  const operations = compile(things, { look: answer, search: answer }, { limit: limits.limit });
  const look = operations.get('Thing.look') as CompiledOperation;
  const search = operations.get('Thing.search') as CompiledOperation;
  return { clock, limits, look, search };
}

function refusalOf(work: () => void): RateLimited | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RateLimited) return error;
    throw error;
  }
}

describe('Rate limits', () => {
  it('hold in the pipeline', async () => {
    const { search } = setUp();
    await search.invoke({}, user);
    await search.invoke({}, user);
    const error = await search.invoke({}, user).catch((refusal: unknown) => refusal);
    expect(error).to.be.instanceOf(RateLimited);
  });

  it('take the limit of the contract, else the default', () => {
    const { limits, look, search } = setUp();
    expect(limits.peek(search, user)).to.deep.equal({ limit: 2, remaining: 2, windowSeconds: 10 });
    expect(limits.peek(look, user)).to.deep.equal({ limit: 5, remaining: 5, windowSeconds: 60 });
  });

  it('say when to come back, and admit the caller then', () => {
    const { clock, limits, search } = setUp();
    limits.limit(search, user);
    limits.limit(search, user);
    const error = refusalOf(() => limits.limit(search, user));
    expect(error?.details).to.deep.equal({ retryAfterSeconds: 15, limit: 2, remaining: 0, windowSeconds: 10 });
    clock.now += 14_000;
    expect(refusalOf(() => limits.limit(search, user))).to.be.instanceOf(RateLimited);
    clock.now += 1000;
    limits.limit(search, user);
  });

  it('hold for all operations of a caller together', () => {
    const { limits, look, search } = setUp();
    for (let index = 0; index < 5; index += 1) limits.limit(look, user);
    limits.limit(search, user);
    expect(refusalOf(() => limits.limit(search, user))?.details['limit']).to.equal(6);
    expect(limits.peek(search, user)?.remaining).to.equal(0);
  });

  it('do not count what they refuse', () => {
    const { limits, look, search } = setUp();
    for (let index = 0; index < 50; index += 1) refusalOf(() => limits.limit(search, user));
    for (let index = 0; index < 4; index += 1) limits.limit(look, user);
    expect(limits.peek(look, user)?.remaining).to.equal(0);
  });

  it('count callers apart, and unknown ones by their address', () => {
    const { limits, search } = setUp();
    const anonymous = principal('anonymous', 'anonymous');
    const exhaust = (call: Call) => {
      for (let index = 0; index < 5; index += 1) refusalOf(() => limits.limit(search, call));
    };
    exhaust(user);
    exhaust(callBy(anonymous, '2001:db8::1'));
    expect(refusalOf(() => limits.limit(search, callBy(anonymous, '2001:db8::2')))).to.be.instanceOf(RateLimited);
    limits.limit(search, callBy(anonymous, '192.0.2.1'));
    limits.limit(search, callBy(principal('user:2')));
  });

  it('leave the calls of the program itself alone', () => {
    const { limits, search } = setUp();
    const sweeper = callBy(principal('system:sweeper', 'system'));
    for (let index = 0; index < 100; index += 1) limits.limit(search, sweeper);
    expect(limits.peek(search, sweeper)).to.equal(undefined);
  });

  it('are those of the contract alone where there are no others', () => {
    const { limits, look, search } = setUp({});
    for (let index = 0; index < 100; index += 1) limits.limit(look, user);
    expect(limits.peek(look, user)).to.equal(undefined);
    limits.limit(search, user);
    expect(limits.peek(search, user)).to.deep.equal({ limit: 2, remaining: 1, windowSeconds: 10 });
    limits.limit(search, user);
    expect(refusalOf(() => limits.limit(search, user))?.details['limit']).to.equal(2);
  });

  it('are whole numbers', () => {
    for (const wrong of [{ max: -1 }, { max: 1.5 }, { max: NaN }, { max: 1, windowSeconds: 0 }]) {
      expect(() => windowLimit(wrong)).to.throw(RangeError);
    }
  });
});

describe('A guard against guessing', () => {
  const anonymousAt = (address: string) => ({ principal: principal('anonymous', 'anonymous'), address });
  const known = (id: string) => ({ principal: principal(id), address: '192.0.2.9' });

  function guarded(shared?: ConstructorParameters<typeof SlidingWindows>[0]) {
    const clock = { now: START };
    const counters = new SlidingWindows(shared);
    const limits = { client: { max: 3 }, total: { max: 10 } };
    return { clock, counters, guard: createGuessGuard({ counters, now: () => clock.now, ...limits }) };
  }

  /** Ten refused attempts, each from another address. */
  function flood(guard: ReturnType<typeof guarded>['guard']) {
    for (let index = 0; index < 10; index += 1) guard.refused(anonymousAt(`198.51.100.${index}`));
  }

  it('stops a client after so many refused attempts in a minute', () => {
    const { clock, guard } = guarded();
    const client = anonymousAt('192.0.2.1');
    for (let index = 0; index < 3; index += 1) {
      guard.check(client);
      guard.refused(client);
    }
    const error = refusalOf(() => guard.check(client));
    expect(error?.details).to.deep.include({ limit: 3, remaining: 0 });
    clock.now += Number(error?.details['retryAfterSeconds']) * 1000;
    guard.check(client);
  });

  it('by itself has the limits of the configuration', () => {
    const { guessLimitPerMinute, guessLimitTotalPerMinute } = loadConfig({});
    for (const [limit, addressOf] of [
      [guessLimitPerMinute, () => '192.0.2.1'],
      [guessLimitTotalPerMinute, (index: number) => `198.51.${index >> 8}.${index & 255}`],
    ] as const) {
      const guard = createGuessGuard({ counters: new SlidingWindows(), now: () => START });
      for (let index = 0; index < limit; index += 1) {
        guard.check(anonymousAt(addressOf(index)));
        guard.refused(anonymousAt(addressOf(index)));
      }
      const error = refusalOf(() => guard.check(anonymousAt(addressOf(limit))));
      expect(error?.details).to.deep.include({ limit });
    }
  });

  it('counts refused attempts only', () => {
    const { guard } = guarded();
    const client = known('user:1');
    for (let index = 0; index < 1000; index += 1) {
      guard.check(client);
      guard.accepted(client);
    }
    expect(refusalOf(() => guard.check(anonymousAt('192.0.2.1')))).to.equal(undefined);
  });

  it('stops known clients that guess, trusted or not', () => {
    const { guard } = guarded();
    const client = known('user:1');
    guard.accepted(client);
    for (let index = 0; index < 3; index += 1) guard.refused(client);
    expect(refusalOf(() => guard.check(client))).to.be.instanceOf(RateLimited);
  });

  it('slows unknown and new clients when all together guess too much', () => {
    const { guard } = guarded();
    flood(guard);
    expect(refusalOf(() => guard.check(anonymousAt('192.0.2.1')))?.details['limit']).to.equal(10);
    expect(refusalOf(() => guard.check(known('user:new')))?.details['limit']).to.equal(10);
  });

  it('never slows a trusted client for what others do', () => {
    const { clock, guard } = guarded();
    const client = known('user:1');
    guard.accepted(client);
    clock.now += DAY_MS - 1000;
    flood(guard);
    guard.check(client);
  });

  it('keeps trusting a client that goes on to succeed, day after day', () => {
    const { clock, guard } = guarded();
    const client = known('user:1');
    for (let day = 0; day < 10; day += 1) {
      guard.accepted(client);
      clock.now += DAY_MS;
    }
    flood(guard);
    guard.check(client);
  });

  it('trusts no longer after two days without success', () => {
    const { clock, guard } = guarded();
    guard.accepted(known('user:1'));
    clock.now += 2 * DAY_MS;
    flood(guard);
    expect(refusalOf(() => guard.check(known('user:1')))).to.be.instanceOf(RateLimited);
  });

  it('trusts no address, however often it succeeded', () => {
    const { guard } = guarded();
    const client = anonymousAt('192.0.2.1');
    guard.accepted(client);
    flood(guard);
    expect(refusalOf(() => guard.check(client))).to.be.instanceOf(RateLimited);
  });

  it('lets all come back as the refused attempts grow old', () => {
    const { clock, guard } = guarded();
    flood(guard);
    clock.now += 120_000;
    guard.check(anonymousAt('192.0.2.1'));
  });

  it('learns from other instances whom to trust and who guesses', async () => {
    const shared = createMemoryRateCounters(() => START);
    const [one, two] = [guarded({ shared }), guarded({ shared })];
    one.guard.accepted(known('user:1'));
    for (let index = 0; index < 3; index += 1) one.guard.refused(known('user:2'));
    flood(one.guard);
    await one.counters.merge();
    two.guard.check(known('user:1'));
    two.guard.check(known('user:2'));
    await two.counters.merge();
    two.guard.check(known('user:1'));
    expect(refusalOf(() => two.guard.check(known('user:2')))?.details['limit']).to.equal(3);
    expect(refusalOf(() => two.guard.check(known('user:3')))?.details['limit']).to.equal(10);
  });
});
