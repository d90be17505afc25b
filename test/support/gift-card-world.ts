import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import {
  DEFAULT_POLICY,
  erasePerson,
  giftCardConsumers,
  giftCardHandlers,
  giftCardJobs,
  giftCards,
  type GiftCardPolicy,
  type GiftCardPorts,
} from '../../src/application/gift-cards/index.ts';
import type { Call, Principal, Reply } from '../../src/application/shared/call.ts';
import type { InputOf, LibraryInputOf, OutputOf } from '../../src/application/shared/contract.ts';
import type { GuessGuard } from '../../src/application/shared/guess-guard.ts';
import { RateLimited } from '../../src/application/shared/errors.ts';
import type { Mail } from '../../src/application/shared/mailer.ts';
import { compile } from '../../src/application/shared/pipeline.ts';
import { JobQueueFull } from '../../src/application/shared/job-errors.ts';
import type { Job, JobContext } from '../../src/application/shared/job-queue.ts';
import type { GiftCardRepository } from '../../src/domain/gift-cards/gift-card-repository.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { DomainError, type DomainErrorClass, type Json } from '../../src/domain/shared/domain-error.ts';
import { memoryGiftCards } from '../../src/infrastructure/memory/memory-gift-cards.ts';
import type { UnplacedEvent } from '../../src/infrastructure/memory/memory-gift-card-store.ts';
import { createCodeVault } from '../../src/infrastructure/system/code-vault.ts';
import { hmacSha256, uuidHash } from '../../src/infrastructure/system/keyed-hash.ts';
import { nextTurn } from '../../src/infrastructure/system/pause.ts';
import { createSealer } from '../../src/infrastructure/system/sealer.ts';
import { uuidv7 } from '../../src/infrastructure/system/uuid.ts';

type Operations = (typeof giftCards)['operations'];
type Verb = Exclude<keyof Operations, 'downloadBatch'>;
type Input<V extends keyof Operations> = InputOf<Operations[V]> | LibraryInputOf<Operations[V]>;

/** Who calls, and what else a call may say. */
export type Caller = Partial<Call> & { readonly key?: string };

export const person = (id: string, ...permissions: readonly string[]): Principal => ({
  id: `user:${id}`,
  kind: 'user',
  tenant: 'default',
  permissions: new Set(permissions),
});

/** May do everything, and is told why codes are refused. */
export const ADMIN = person('admin', '*');
/** May do everything that a shop does, but is not told why a code is refused. */
export const SHOP = person('shop', ...Object.keys(giftCards.operations).map((verb) => `gift-cards:${kebab(verb)}`));
/** May do with what is bound to her what one may do with one's own. */
export const ANN = customer('ann');

export function customer(id: string): Principal {
  return person(
    id,
    ...['redeem', 'hold', 'transfer', 'get-card', 'list-cards', 'list-transactions'].map((v) => `gift-cards:${v}:own`),
  );
}

function kebab(verb: string): string {
  return verb.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const START = new Date('2030-06-01T12:00:00.000Z');
const DAY_MS = 24 * 3600 * 1000;
const OLD_PEPPER = { id: 'old', secret: new Uint8Array(32).fill(1) };
const NEW_PEPPER = { id: 'new', secret: new Uint8Array(32).fill(2) };

/** Gift cards on the memory adapters: a clock that stands still, a log, and all mail and guesses in view. */
export class GiftCardWorld {
  now = new Date(START);
  readonly log: UnplacedEvent[] = [];
  readonly mails: Mail[] = [];
  readonly guesses: ('check' | 'refused' | 'accepted')[] = [];
  /** Set to let the mailer, or the guard, refuse. */
  mailFails = false;
  limited = false;
  /** Types of jobs for which the queue has no room. */
  readonly full = new Set<string>();
  /** Jobs that somebody has cancelled. */
  readonly cancelledJobs = new Set<string>();
  /** All codes that came up, in any way. */
  readonly codes = new Set<string>();
  /** Whatever was decided or refused: all that any table is given. */
  readonly decisions: unknown[] = [];
  readonly ports: GiftCardPorts;
  readonly #operations: ReturnType<typeof compile>;
  #keys = 0;

  constructor(policy: Partial<GiftCardPolicy> = {}, wrap: (ports: GiftCardPorts) => GiftCardPorts = (ports) => ports) {
    const append = (events: readonly UnplacedEvent[]): bigint => BigInt(this.log.push(...events));
    const memory = memoryGiftCards({ append, now: () => new Date(this.now), newId: uuidv7 });
    const peppers = [NEW_PEPPER, OLD_PEPPER];
    const hear = (guess: 'check' | 'refused' | 'accepted') => () => {
      this.guesses.push(guess);
      if (guess === 'check' && this.limited) throw new RateLimited('Too many attempts.');
    };
    const guard: GuessGuard = { check: hear('check'), refused: hear('refused'), accepted: hear('accepted') };
    this.ports = wrap({
      cards: this.#recording(memory.repository),
      reader: memory.reader,
      bulk: memory.bulkIssuer,
      eraser: memory.eraser,
      marks: memory.marks,
      vault: createCodeVault(peppers),
      sealer: createSealer(peppers),
      guard,
      mailer: {
        send: async (mail) => {
          if (this.mailFails) throw new Error('No connection to the mail server');
          this.mails.push(mail);
        },
      },
      jobs: {
        requireRoom: async (type) => {
          if (this.full.has(type)) throw new JobQueueFull('Too many jobs wait', { type, retryAfterSeconds: 5 });
        },
        get: async (jobId) => (this.cancelledJobs.has(jobId) ? { state: 'cancelled' } : { state: 'queued' }),
      },
      policy: { ...DEFAULT_POLICY, ...policy },
      ids: uuidv7,
      randomBytes: (count) => randomBytes(count),
      hmacSha256,
      nextTurn,
    });
    this.#operations = compile(giftCards, giftCardHandlers(this.ports), { hash: uuidHash(OLD_PEPPER.secret) });
  }

  /** The vault before the newest pepper was brought in. */
  get oldVault() {
    return createCodeVault([OLD_PEPPER]);
  }

  pass(ms: number): void {
    this.now = new Date(this.now.getTime() + ms);
  }

  passDays(days: number): void {
    this.pass(days * DAY_MS);
  }

  /** Calls an operation and checks that the answer is what the contract promises. */
  async reply<V extends Verb>(verb: V, input: Input<V>, caller: Caller = {}): Promise<Reply<OutputOf<Operations[V]>>> {
    const reply = (await this.#operation(verb).invoke(input, this.#call(caller))) as Reply<OutputOf<Operations[V]>>;
    expect(giftCards.operations[verb].output.parse(reply.data), 'the contract').to.deep.equal(reply.data);
    // Bounded on both sides, or the digits of an identifier would pass for a code now and then.
    const written = /(?<![0-9A-Za-z-])[A-Z0-9]+(-[0-9A-Z]{4}){4}(?![0-9A-Za-z-])/g;
    for (const [code] of JSON.stringify(reply.data).matchAll(written)) this.codes.add(code);
    return reply;
  }

  /** The same, for the data alone. */
  async call<V extends Verb>(verb: V, input: Input<V>, caller: Caller = {}): Promise<OutputOf<Operations[V]>> {
    return (await this.reply(verb, input, caller)).data;
  }

  /** Calls an operation that has to be refused, by an error that its contract names. */
  async refusal<V extends Verb>(verb: V, input: Input<V>, caller: Caller = {}): Promise<DomainError> {
    const error = await this.call(verb, input, caller).then(
      () => expect.fail(`${verb} was not refused`),
      (reason: unknown) => reason as DomainError,
    );
    const named: readonly DomainErrorClass[] = giftCards.operations[verb].errors;
    if (!error.code.startsWith('request.')) expect(named.map(({ code }) => code)).to.include(error.code);
    return error;
  }

  /** A stream to its end. */
  async download(batchId: string, fromIndex = 0): Promise<readonly OutputOf<Operations['downloadBatch']>[]> {
    const operation = this.#operation('downloadBatch');
    const items: OutputOf<Operations['downloadBatch']>[] = [];
    const stream = await operation.invoke({ batchId, fromIndex }, this.#call({}));
    for await (const item of stream as AsyncIterable<OutputOf<Operations['downloadBatch']>>) items.push(item);
    return items;
  }

  /** Issues a card and tells its id and code. */
  async issue(amount = '100.00', more: Partial<InputOf<Operations['create']>> = {}) {
    const input = { amount: { amount, currency: 'USD' }, purchaserId: 'buyer', ...more };
    const { id, code = '' } = await this.call('create', input);
    return { id, code };
  }

  async balance(cardId: string): Promise<string> {
    return (await this.call('getCard', { cardId })).currentBalance.amount;
  }

  async status(cardId: string): Promise<string> {
    return (await this.call('getCard', { cardId })).status;
  }

  /** Brings in an event of another system. */
  async receive(type: 'order.refunded' | 'order.cancelled', data: Json): Promise<void> {
    const [consumer] = giftCardConsumers(this.ports);
    await consumer?.handle(
      {
        ...{ position: 1n, tenant: 'default', stream: 'source:shop', streamVersion: 1, eventId: uuidv7(), type },
        ...{ schemaVersion: 1, actor: 'token:shop', correlationId: 'order-flow', causationId: null, traceParent: null },
        occurredAt: this.now,
        payload: { id: '1', source: 'shop', subject: null, time: null, data },
      },
      { unit: undefined, signal: new AbortController().signal },
    );
  }

  refunded(orderId: string, refundId: string, ...legs: readonly { [key: string]: Json }[]): Promise<void> {
    return this.receive('order.refunded', { orderId, refundId, legs });
  }

  cancelled(orderId: string): Promise<void> {
    return this.receive('order.cancelled', { orderId });
  }

  /** Requests for jobs, in the order in which they were made. */
  requests(type: string): readonly UnplacedEvent[] {
    return this.log.filter((event) => event.type === 'job.requested' && event.payload.type === type);
  }

  /** Runs a job as the queue would. */
  async run(type: string, payload: Json = {}, context: Partial<JobContext> = {}): Promise<Json | void> {
    const definition = giftCardJobs(this.ports).find((job) => job.type === type);
    if (definition === undefined) throw new Error(`There is no job ${type}`);
    const job: Job = {
      ...{ id: uuidv7(), type, tenant: 'default', payload, priority: 'default', state: 'running', attempt: 1 },
      ...{ createdAt: this.now, runAt: this.now, startedAt: this.now, finishedAt: undefined, retries: undefined },
      ...{ cancelRequested: false, concurrencyKey: undefined, progress: undefined, checkpoint: undefined },
      ...{ result: undefined, failures: [], actor: undefined, correlationId: undefined, traceParent: undefined },
    };
    return definition.handler(job, {
      ...{ attempt: 1, signal: new AbortController().signal, state: undefined },
      progress: async () => undefined,
      checkpoint: async () => undefined,
      ...context,
    });
  }

  sweep(): Promise<Json | void> {
    return this.run('gift-cards.book-expiries');
  }

  /** Runs the mail jobs that were asked for. */
  async deliver(): Promise<readonly (Json | void)[]> {
    const requests = this.requests('gift-cards.deliver-code');
    return Promise.all(requests.map(({ payload }) => this.run('gift-cards.deliver-code', payload.payload)));
  }

  erase(reference: { readonly email?: string; readonly subjectId?: string }): Promise<number> {
    return erasePerson(this.ports)('default', reference);
  }

  events(type: string): readonly UnplacedEvent[] {
    return this.log.filter((event) => event.type === `gift_card.${type}`);
  }

  /** What holds after every test: the books agree, events are as published, no code is stored, nobody is in the log. */
  async verify(): Promise<void> {
    expect(await this.ports.reader.reconcile('default').then(({ findings }) => findings)).to.deep.equal([]);
    for (const { type, payload } of this.log.filter((event) => event.type.startsWith('gift_card.'))) {
      const schema = giftCards.events[type as keyof typeof giftCards.events].payload;
      expect(schema.parse(payload), type).to.deep.equal(payload);
    }
    const log = JSON.stringify(this.log);
    const stored = JSON.stringify(this.decisions, storable);
    for (const code of this.codes) {
      const body = code.slice(code.indexOf('-') + 1);
      for (const text of [log, stored]) expect(text).not.to.include(body).and.not.to.include(body.replaceAll('-', ''));
    }
    expect(log).not.to.include('@');
    expect(JSON.stringify(this.decisions.map((decision) => (decision as { answer?: Json }).answer))).not.to.include(
      '@',
    );
  }

  #recording(repository: GiftCardRepository): GiftCardRepository {
    return {
      update: (context, keys, decide) =>
        repository.update(context, keys, (book) => {
          try {
            const decision = decide(book);
            this.decisions.push(decision);
            return decision;
          } catch (error) {
            this.decisions.push(error instanceof DomainError ? [error.message, error.details] : error);
            throw error;
          }
        }),
    };
  }

  #operation(verb: keyof Operations) {
    const operation = this.#operations.get(`GiftCard.${verb}`);
    if (operation === undefined) throw new Error(`There is no operation ${verb}`);
    return operation;
  }

  #call({ key, ...call }: Caller): Call {
    this.#keys += 1;
    return { principal: ADMIN, correlationId: 'test', idempotencyKey: key ?? `key-${this.#keys}`, ...call };
  }
}

function storable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof GiftCard ? [value.toSnapshot(), value.changes] : value;
}

export const usd = (amount: string) => ({ amount, currency: 'USD' });
