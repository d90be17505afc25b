import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash, timingSafeEqual } from 'node:crypto';
import express from 'express';
import helmet from 'helmet';
import pg from 'pg';
import { z } from 'zod';
import type { Reply } from '../src/application/shared/call.ts';
import { createHttpApi } from '../src/interfaces/http/http-api.ts';
import * as tokens from '../src/composition/tokens.ts';
import { CALLER, openGiftCards, type GiftCardBench } from './gift-card-site.ts';
import type { LoadResult } from './http-load.ts';

const CARDS = 20_000;
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const input = z.strictObject({
  code: z.string().max(128),
  orderId: z.string().max(200),
  amount: z.strictObject({ amount: z.string().regex(/^\d+\.\d\d$/), currency: z.string().length(3) }),
});

interface Row {
  readonly id: string;
  readonly current_balance: string;
  readonly version: string;
  readonly entry_count: string;
}

/** What a good engineer writes by hand: the same middleware, and a transaction for each request. */
function handWritten(site: GiftCardBench, pool: pg.Pool, token: string): RequestListener {
  const app = express();
  const tokenHash = digest(token);
  const isToken = (authorization: string): boolean =>
    timingSafeEqual(digest(authorization.replace('Bearer ', '')), tokenHash);
  const hits = new Map<string, number>();
  const index = new Map(site.codes.map((code, at) => [code, at]));
  app.use(helmet());
  app.use(express.json());
  app.use((request, response, next) => {
    if (!isToken(request.headers.authorization ?? '')) return void response.status(401).json({ success: false });
    const minute = `token:bench ${Math.floor(Date.now() / 60_000)}`;
    const count = (hits.get(minute) ?? 0) + 1;
    hits.set(minute, count);
    return count > 1e9 ? void response.status(429).json({ success: false }) : next();
  });
  app.post('/v1/gift-cards/redeem', async (request, response) => {
    const parsed = input.safeParse(request.body);
    const key = request.headers['idempotency-key'];
    if (!parsed.success || typeof key !== 'string') return void response.status(400).json({ success: false });
    const data = await redeemPlainly(pool, site.batchId, index.get(parsed.data.code) ?? -1, key, parsed.data.orderId);
    return void response.json({ success: true, data, timestamp: new Date().toISOString() });
  });
  return app;
}

async function redeemPlainly(pool: pg.Pool, batchId: string, index: number, key: string, orderId: string) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const receipt = createHash('md5').update(key).digest('hex');
    const seen = await client.query({
      name: 'seen',
      text: 'SELECT outcome FROM portolan.receipts WHERE id = $1',
      values: [receipt],
    });
    if (seen.rowCount !== 0) throw new Error('a repeat, which this load does not have');
    const found = await client.query<Row>({
      name: 'lock',
      text: `SELECT id, current_balance, version, entry_count FROM gift_cards.cards
        WHERE batch_id = $1 AND batch_index = $2 FOR UPDATE`,
      values: [batchId, index],
    });
    const card = found.rows[0] as Row;
    await client.query({
      name: 'update',
      text: `UPDATE gift_cards.cards SET current_balance = current_balance - 1, version = version + 1,
        status = 'partially_redeemed', entry_count = entry_count + 1, updated_at = clock_timestamp() WHERE id = $1`,
      values: [card.id],
    });
    const data = { redemptionId: receipt, remainingBalance: String(BigInt(card.current_balance) - 1n) };
    await client.query({
      name: 'insert',
      text: `WITH journal AS (
          INSERT INTO gift_cards.transactions (tenant, gift_card_id, entry_number, id, transaction_type, debit_account,
            credit_account, amount, currency, balance_before, balance_after, order_id, created_at)
          VALUES ('default', $1::uuid, $2::bigint + 1, gen_random_uuid(), 'redemption', 'card:' || $1::uuid,
            'settlement', 1, 'USD', $3::bigint, $3::bigint - 1, $4, clock_timestamp())),
        event AS (
          INSERT INTO portolan.events (tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
          VALUES ('default', 'gift_card:' || $1::uuid, $5::bigint + 1, gen_random_uuid(), 'gift_card.redeemed',
            'token:bench', 'bench', json_build_object('cardId', $1::uuid, 'amount', '0.01')) RETURNING position)
        INSERT INTO portolan.receipts (id, tenant, operation, fingerprint, outcome, position)
        SELECT $6::uuid, 'default', 'GiftCard.redeem', gen_random_uuid(), $7::json, position FROM event`,
      values: [card.id, card.entry_count, card.current_balance, orderId, card.version, receipt, JSON.stringify(data)],
    });
    await client.query('COMMIT');
    return data;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** Makes an API token, as the server keeps it: hashed, in the database. */
async function createToken({ wiring }: GiftCardBench): Promise<string> {
  const input = { name: 'bench', permissions: ['gift-cards:redeem'] };
  const create = wiring.get(tokens.OPERATIONS).get('ApiToken.create');
  const { data } = (await create?.invoke(input, { ...CALLER, idempotencyKey: 'bench' })) as Reply<{ token: string }>;
  return data.token;
}

/** The whole interface: authentication, validation, idempotency and rate limit on, as the server has them. */
function portolan({ wiring, operations }: GiftCardBench): RequestListener {
  return createHttpApi({
    operations,
    info: { title: 'bench', version: '0' },
    anonymous: { ...CALLER.principal, kind: 'anonymous', permissions: new Set() },
    authenticate: wiring.get(tokens.AUTHENTICATE),
    report: (error) => console.error(error),
    rateLimitOf: wiring.get(tokens.RATE_LIMITS).peek,
  });
}

export interface HttpRedemptionResult {
  readonly handWrittenPerSecond: number;
  readonly portolanPerSecond: number;
  readonly ratio: number;
  readonly generatorShare: number;
}

/** Redemptions over HTTP against a hand-written Express and pg handler, in alternating rounds. */
export async function benchHttpRedemption({
  rounds = 3,
  roundMs = 4_000,
  connections = 128,
} = {}): Promise<HttpRedemptionResult> {
  const site = await openGiftCards(CARDS, { RATE_LIMIT_PER_MINUTE: '10000000' });
  const pool = new pg.Pool({ connectionString: site.applicationUrl, max: 16 });
  pool.on('error', (error) => console.error(error));
  const load = fork(new URL('./http-load.ts', import.meta.url));
  const token = await createToken(site);
  const servers = [await serve(handWritten(site, pool, token)), await serve(portolan(site))] as const;
  try {
    const results: { readonly rates: readonly [number, number]; readonly share: number }[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const rates: [number, number] = [0, 0];
      let share = 0;
      for (const at of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const result = await measure(load, servers[at], site.codes, token, connections, roundMs);
        rates[at] = result.answers / result.seconds;
        share = Math.max(share, result.processorShare);
      }
      // The first round warms up.
      if (round >= 0) results.push({ rates, share });
    }
    const median = (of: (rates: readonly [number, number]) => number): number =>
      results.map(({ rates }) => of(rates)).sort((a, b) => a - b)[Math.floor(results.length / 2)] ?? Number.NaN;
    return {
      handWrittenPerSecond: Math.round(median(([bare]) => bare)),
      portolanPerSecond: Math.round(median(([, ours]) => ours)),
      ratio: median(([bare, ours]) => ours / bare),
      generatorShare: Math.max(...results.map(({ share }) => share)),
    };
  } finally {
    load.kill();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await pool.end();
    await site.close();
  }
}

async function measure(
  load: ChildProcess,
  server: Server,
  picks: readonly string[],
  token: string,
  connections: number,
  milliseconds: number,
): Promise<LoadResult> {
  const { port } = server.address() as AddressInfo;
  const body = JSON.stringify({
    code: '{pick}',
    orderId: 'order-{number}',
    amount: { amount: '0.01', currency: 'USD' },
  });
  const headers = `Authorization: Bearer ${token}\r\nIdempotency-Key: key-{number}\r\n`;
  load.send({ port, path: '/v1/gift-cards/redeem', body, headers, picks, connections, milliseconds });
  const [result] = (await once(load, 'message')) as [LoadResult | { error: string }];
  if ('error' in result) throw new Error(result.error);
  return result;
}

async function serve(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
