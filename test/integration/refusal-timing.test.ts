import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Call, Principal } from '../../src/application/shared/call.ts';
import type { CompiledOperation } from '../../src/application/shared/pipeline.ts';
import { giftCardService, type GiftCardService } from '../../src/composition/gift-card-service.ts';
import { generateCode } from '../../src/domain/gift-cards/code.ts';
import { GiftCardRefused } from '../../src/domain/gift-cards/errors.ts';
import { createGuessGuard } from '../../src/infrastructure/rate-limit/guess-guard.ts';
import { SlidingWindows } from '../../src/infrastructure/rate-limit/sliding-windows.ts';
import { inCi } from '../support/in-ci.ts';
import { postgresGiftCardSite } from '../support/postgres-gift-card-site.ts';
import {
  compareWith,
  emptyDurations,
  interleaved,
  medianUs,
  printComparisons,
  T_LIMIT,
  timeUs,
  type Durations,
} from '../support/timing.ts';

const CLASSES = ['unknown', 'expired', 'voided', 'frozen', 'empty', 'other currency', 'too little', 'order paid'];
/** So many of each class are compared; more are taken, since the slowest hundredth of all is left out. */
const COMPARED = inCi ? 20_000 : 2_000;
const SAMPLES = COMPARED * 1.05;
const CALLERS = 64;
const WARM_UP = 200;

const SHOP: Principal = {
  ...{ id: 'token:shop', kind: 'token', tenant: 'default' },
  permissions: new Set(['gift-cards:redeem', 'gift-cards:check-balance']),
};
const usd = (amount: string) => ({ amount, currency: 'USD' });

/** One client: an order, and a code for each reason to refuse 10 USD for it. */
interface Client {
  readonly orderId: string;
  readonly codes: ReadonlyMap<string, string>;
}

/**
 * Every transaction is written but not flushed (`synchronous_commit = off`): the flush is the same for all and its
 * length varies more than all the rest, so that leaving it out makes differences easier to see.
 */
describe('the time of a refused gift card code', function () {
  this.timeout(2_400_000);
  let site: Awaited<ReturnType<typeof postgresGiftCardSite>>;
  let service: GiftCardService;

  before(async () => {
    site = await postgresGiftCardSite();
    const owner = new pg.Client({ connectionString: site.ownerUrl });
    await owner.connect();
    await owner.query(`ALTER DATABASE ${new URL(site.ownerUrl).pathname.slice(1)} SET synchronous_commit = off`);
    await owner.end();
    const unlimited = { max: Number.MAX_SAFE_INTEGER };
    const limits = { client: unlimited, total: unlimited };
    const guard = createGuessGuard({ counters: new SlidingWindows(), now: Date.now, ...limits });
    service = giftCardService(site, { peppers: [{ id: '1', secret: randomBytes(32) }], guard });
  });
  after(() => site.close());

  async function issue(amount: object = usd('50.00'), expiresAt: Date | null = null) {
    const { code = '', id } = await service.client().GiftCard.create({
      ...{ amount: amount as ReturnType<typeof usd>, purchaserId: 'buyer' },
      expiresAt: expiresAt?.toISOString() ?? null,
    });
    return { code, id };
  }

  async function newClient(): Promise<Client> {
    const { GiftCard } = service.client();
    const orderId = `order-${randomUUID()}`;
    const soon = new Date(Date.now() + 2_000);
    const [expired, voided, frozen, empty, euros, poor, paid] = await Promise.all([
      issue(usd('50.00'), soon),
      issue(),
      issue(),
      issue(),
      issue({ amount: '50.00', currency: 'EUR' }),
      issue(usd('9.99')),
      issue(),
    ]);
    await Promise.all([
      GiftCard.void({ cardId: voided.id, reason: 'fraud' }),
      GiftCard.freeze({ cardId: frozen.id, reason: 'stolen' }),
      GiftCard.redeem({ code: empty.code, orderId: `${orderId}-before` }),
      GiftCard.redeem({ code: paid.code, orderId, amount: usd('5.00') }),
      delay(soon.getTime() - Date.now()),
    ]);
    const codes = [generateCode(randomBytes).reveal(), expired, voided, frozen, empty, euros, poor, paid];
    return { orderId, codes: new Map(CLASSES.map((name, at) => [name, codeOf(codes[at])])) };
  }

  const operation = (word: string): CompiledOperation => service.operations.get(word) as CompiledOperation;
  const newCall = (): Call => ({ principal: SHOP, correlationId: 'timing', idempotencyKey: randomUUID() });

  /** Presents a code for 10 USD and says how long the refusal took; whatever else happens is thrown. */
  async function redeemUs({ orderId }: Client, code: string): Promise<number> {
    const redeem = operation('GiftCard.redeem');
    const [input, call] = [{ code, orderId, amount: usd('10.00') }, newCall()];
    return timeUs(() => refused(redeem.invoke(input, call)));
  }

  async function checkUs(code: string): Promise<number> {
    const check = operation('GiftCard.checkBalance');
    const call = newCall();
    return timeUs(() => refused(check.invoke({ code }, call)));
  }

  function expectSame(title: string, durations: Durations): void {
    const comparisons = compareWith('unknown', durations);
    printComparisons(title, durations, comparisons);
    for (const { name, count, t, resolutionUs } of comparisons) {
      expect(count, `samples of ${name}`).to.be.at.least(COMPARED);
      expect(Math.abs(t), `t of ${name}`).to.be.lessThan(T_LIMIT);
      // However busy the machine, a difference of a quarter would have been seen; on a quiet one a hundredth is.
      if (inCi) expect(resolutionUs, `resolution for ${name}`).to.be.lessThan(medianUs(durations) / 4);
    }
  }

  async function measure(
    names: readonly string[],
    samples: number,
    sample: (name: string) => Promise<number>,
  ): Promise<Durations> {
    const durations = emptyDurations(names);
    for (const name of interleaved(names, WARM_UP)) await sample(name);
    for (const name of interleaved(names, samples)) durations.get(name)?.push(await sample(name));
    return durations;
  }

  it('tells a lone caller who redeems nothing about the code', async () => {
    const client = await newClient();
    const durations = await measure(CLASSES, SAMPLES, (name) => redeemUs(client, client.codes.get(name) ?? ''));
    expectSame('redeem, one caller', durations);
  });

  it('tells a lone caller who asks for the balance nothing about the code', async () => {
    const { codes } = await newClient();
    // Those that could still be spent are shown to anybody who has their code.
    const names = CLASSES.slice(0, 5);
    const durations = await measure(names, SAMPLES, (name) => checkUs(codes.get(name) ?? ''));
    expectSame('checkBalance, one caller', durations);
  });

  it(`tells ${CALLERS} callers at a time nothing about the codes, whichever share a commit`, async () => {
    const clients = await Promise.all(Array.from({ length: CALLERS }, newClient));
    const durations = emptyDurations(CLASSES);
    const presentAll = (names: Generator<string>, note: (name: string, us: number) => void): Promise<unknown> =>
      Promise.all(
        clients.map(async (client) => {
          for (const name of names) note(name, await redeemUs(client, client.codes.get(name) ?? ''));
        }),
      );
    await presentAll(interleaved(CLASSES, WARM_UP), () => undefined);
    await presentAll(interleaved(CLASSES, SAMPLES), (name, us) => durations.get(name)?.push(us));
    expectSame(`redeem, ${CALLERS} callers at a time`, durations);
  });

  it('is told apart by this measurement where it differs: text that is no code is refused earlier', async () => {
    const client = await newClient();
    const durations = emptyDurations(['unknown', 'no code']);
    const codes = new Map([...client.codes, ['no code', 'GIFT-0000-0000-0000-0001']]);
    for (const name of interleaved([...durations.keys()], 500)) {
      durations.get(name)?.push(await redeemUs(client, codes.get(name) ?? ''));
    }
    const comparisons = compareWith('unknown', durations);
    printComparisons('redeem, of two kinds', durations, comparisons);
    expect(comparisons.find(({ name }) => name === 'no code')?.t).to.be.lessThan(-T_LIMIT);
  });
});

const codeOf = (card: string | { readonly code: string } | undefined): string =>
  typeof card === 'object' ? card.code : (card ?? '');

/** Resolves where the call is refused with the one answer; throws otherwise. */
async function refused(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof GiftCardRefused) return;
    throw error;
  }
  throw new Error('The code was not refused.');
}
