import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { bookExpiries } from '../../src/application/gift-cards/book-expiries.ts';
import { DEFAULT_POLICY, giftCardConsumers, giftCardHandlers } from '../../src/application/gift-cards/index.ts';
import type { Call, Reply } from '../../src/application/shared/call.ts';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import type { GiftCardRepository } from '../../src/domain/gift-cards/gift-card-repository.ts';
import type { Json } from '../../src/domain/shared/domain-error.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';
import { createCodeVault } from '../../src/infrastructure/system/code-vault.ts';
import { hmacSha256 } from '../../src/infrastructure/system/keyed-hash.ts';
import { nextTurn } from '../../src/infrastructure/system/pause.ts';
import { uuidv7 } from '../../src/infrastructure/system/uuid.ts';

/** The system as a history sees it: its use cases on one adapter, for one tenant, and the times of its decisions. */
export interface HistorySystem {
  readonly handlers: ReturnType<typeof giftCardHandlers>;
  readonly tenant: string;
  readonly site: GiftCardSite;
  /** When the last decision was made, and about which cards each of those since `forget` was. */
  readonly decisions: { readonly cardIds: readonly string[]; readonly now: number }[];
  call(): Call;
  receive(type: 'order.refunded' | 'order.cancelled', data: Json): Promise<void>;
  sweep(): Promise<void>;
}

/** Payments for a cancelled order are refused for so many units. */
export const MARK_UNITS = 4;

/** More than the histories of one database have due at a time. */
const DUE_OF_ALL = 100_000;

const vault = createCodeVault([{ id: 'model', secret: new Uint8Array(32).fill(7) }]);
const guard = { check: () => undefined, refused: () => undefined, accepted: () => undefined };

/** Use cases on an adapter; `unitMs` is the unit of the history's clock. */
export function historySystem(site: GiftCardSite, unitMs: number): HistorySystem {
  const tenant = `history-${randomUUID()}`;
  const decisions: { cardIds: readonly string[]; now: number }[] = [];
  const cards: GiftCardRepository = {
    update: (context, keys, decide) =>
      site.repository.update(context, keys, (book) => {
        if (context.tenant === tenant) decisions.push({ cardIds: keys.cardIds ?? [], now: book.now.getTime() });
        return decide(book);
      }),
  };
  const ports = {
    ...{ cards, reader: site.reader, bulk: site.bulkIssuer, eraser: site.eraser, marks: site.marks },
    ...{ vault, guard, ids: uuidv7 },
    sealer: { seal: (plain: string) => plain, open: (sealed: string) => sealed },
    jobs: { requireRoom: async () => undefined, get: async () => undefined },
    mailer: { send: () => Promise.reject(new Error('Histories send no mail.')) },
    policy: { ...DEFAULT_POLICY, expiry: () => null, cancelMarkSeconds: (MARK_UNITS * unitMs) / 1000 },
    randomBytes: (count: number) => randomBytes(count),
    hmacSha256,
    nextTurn,
  };
  const [orders] = giftCardConsumers(ports);
  // Other histories on the same database have sweeps of their own, and clocks of their own.
  const due = async () => (await site.reader.due(DUE_OF_ALL)).filter((each) => each.tenant === tenant);
  const none = async () => [];
  const now = () => site.reader.now();
  const sweep = bookExpiries({
    ...ports,
    reader: { now, due, runningBatches: none, batchesToDestroy: none, deliveriesToDrop: none },
  });
  return {
    handlers: giftCardHandlers(ports),
    ...{ tenant, site, decisions },
    call: () => ({
      principal: { id: 'user:model', kind: 'user', tenant, permissions: new Set(['*']) },
      correlationId: 'model',
      receipt: { id: uuidv7(), fingerprint: uuidv7(), operation: 'model' },
    }),
    async receive(type, data) {
      await orders?.handle(
        {
          ...{ position: 1n, tenant, stream: 'source:shop', streamVersion: 1, eventId: uuidv7(), type },
          ...{ schemaVersion: 1, actor: 'token:shop', correlationId: 'model', causationId: null, traceParent: null },
          occurredAt: new Date(),
          payload: { id: '1', source: 'shop', subject: null, time: null, data },
        },
        { unit: undefined, signal: new AbortController().signal },
      );
    },
    async sweep() {
      const { failures } = await sweep({ actor: 'system:sweeper', correlationId: 'model' });
      expect(failures).to.deep.equal([]);
    },
  };
}

/** What became of a command: its answer, or the code of its refusal. */
export type Outcome<Data> = { readonly data: Data; readonly replayed: boolean } | { readonly refused: string };

/** Runs a command to its outcome; anything but a refusal by the rules is thrown. */
export async function outcomeOf<Data>(command: Promise<Reply<Data>>): Promise<Outcome<Data>> {
  try {
    const { data, replayed = false } = await command;
    return { data, replayed };
  } catch (error) {
    if (error instanceof DomainError) return { refused: error.code };
    throw error;
  }
}
