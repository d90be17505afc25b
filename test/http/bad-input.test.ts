import { expect } from 'chai';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { App } from '../../src/app.ts';
import { loadConfig } from '../../src/composition/config.ts';
import { logBook, type LogBook } from '../support/log-lines.ts';
import {
  badInputs,
  fieldsOf,
  operationsOf,
  sampleOf,
  withValue,
  type ApiDocument,
  type Json,
  type Operation,
} from '../support/openapi-generator.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const ADMIN_TOKEN = randomBytes(24).toString('base64url');
const JSON_TYPE = { 'content-type': 'application/json' };

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly paths: readonly string[];
}

/** Of jobs only what was asked for: they run, and schedules enqueue more of them, of their own accord. */
const WRITTEN_BY_COMMANDS: { readonly [table: string]: string } = {
  'jobs.job': '(SELECT id, tenant, type, payload, cancel_requested FROM jobs.job WHERE schedule IS NULL)',
};

describe('input that an operation cannot take', function () {
  this.timeout(300_000);
  let database: TestDatabase;
  let owner: pg.Client;
  let app: App;
  let log: LogBook;
  let url: string;
  let operations: readonly Operation[];
  /** An input for each operation that is refused for no fault of its own. */
  const bases = new Map<string, Json>();
  const callers: { readonly token: string; readonly calls: Map<string, number> }[] = [];

  before(async () => {
    database = await testDatabase({ fsync: false });
    owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    log = logBook({ level: 'warn' });
    const config = loadConfig({
      ...{ NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0' },
      ...{ DATABASE_URL: database.applicationUrl, DATABASE_OWNER_URL: database.ownerUrl },
      PEPPERS: `1:${randomBytes(32).toString('base64')}`,
      ADMIN_TOKEN_SHA256: createHash('sha256').update(ADMIN_TOKEN).digest('hex'),
      RATE_LIMIT_PER_MINUTE: '10000000',
      GUESS_LIMIT_PER_MINUTE: '1000000',
      GUESS_LIMIT_TOTAL_PER_MINUTE: '10000000',
    });
    app = new App(config, log.logger);
    ({ url } = await app.start());
    callers.push({ token: ADMIN_TOKEN, calls: new Map() });
    operations = operationsOf((await (await fetch(`${url}/openapi.json`)).json()) as ApiDocument);
    for (const operation of operations) bases.set(operation.word, await baseOf(operation));
  });
  after(async () => {
    await app.stop();
    await owner.end();
    await database.close();
  });

  /** Adds the fields that a refusal names to the required ones: rules between fields are in no schema. */
  async function baseOf(operation: Operation): Promise<Json> {
    let base = sampleOf(operation.input);
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const { code, paths } = await post(operation, JSON.stringify(base));
      if (code !== 'request.invalid_input') return base;
      for (const path of paths) {
        const field = fieldsOf(operation.input).find((each) => each.path === path);
        if (field !== undefined) base = withValue(base, path, sampleOf(field.schema));
      }
    }
    throw new Error(`No input is known that ${operation.word} takes.`);
  }

  /** Operations with a limit of their own are called by so many callers that nobody reaches it. */
  async function tokenFor({ word, callsPerMinute = Infinity }: Operation): Promise<string> {
    const next = callers.find(({ calls }) => (calls.get(word) ?? 0) < callsPerMinute - 5) ?? (await newCaller());
    next.calls.set(word, (next.calls.get(word) ?? 0) + 1);
    return next.token;
  }

  async function newCaller(): Promise<(typeof callers)[number]> {
    const response = await fetch(`${url}/v1/api-tokens/create`, {
      method: 'POST',
      headers: { ...JSON_TYPE, authorization: `Bearer ${callers.at(-1)?.token}`, 'idempotency-key': randomUUID() },
      body: JSON.stringify({ name: 'test', permissions: ['*'] }),
    });
    const { data } = (await response.json()) as { data: { token: string } };
    const caller = { token: data.token, calls: new Map<string, number>() };
    callers.push(caller);
    return caller;
  }

  type Body = string | Uint8Array<ArrayBuffer>;
  async function post(operation: Operation, body: Body, headers: Record<string, string> = JSON_TYPE): Promise<Refusal> {
    const keyed = { authorization: `Bearer ${await tokenFor(operation)}`, 'idempotency-key': randomUUID() };
    return refusalOf(await fetch(url + operation.path, { method: 'POST', headers: { ...keyed, ...headers }, body }));
  }

  async function get(operation: Operation, query: string): Promise<Refusal> {
    const headers = { authorization: `Bearer ${await tokenFor(operation)}` };
    return refusalOf(await fetch(`${url}${operation.path}?${query}`, { headers }));
  }

  /** Every row of every table that commands write, jobs included, without what changes by itself. */
  async function stateOfDatabase(): Promise<string> {
    const { rows: tables } = await owner.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
       WHERE table_schema !~ '^(pg_|information_schema$|public$)' AND table_type = 'BASE TABLE'
         AND table_name NOT IN ('consumers', 'consumed', 'seals', 'rate_counts', 'schedule') ORDER BY 1`,
    );
    expect(tables.length).to.be.greaterThan(15);
    expect(tables).to.deep.include({ name: 'jobs.job' });
    const states: string[] = [];
    for (const { name } of tables) {
      const { rows } = await owner.query<{ count: string; hash: string }>(
        `SELECT count(*), md5(coalesce(string_agg(row, '' ORDER BY row), '')) AS hash
         FROM (SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM ${WRITTEN_BY_COMMANDS[name] ?? name} AS t) AS rows`,
      );
      states.push(`${name} ${rows[0]?.count} ${rows[0]?.hash}`);
    }
    return states.join('\n');
  }

  /** Resolves when the jobs have ended that accepted requests asked for, but for those that are for later. */
  async function workDone(): Promise<void> {
    const underWay = `SELECT FROM jobs.job WHERE schedule IS NULL AND state IN ('queued', 'running')
      UNION ALL SELECT FROM portolan.consumers WHERE position < (SELECT max(position) FROM portolan.events)`;
    while ((await owner.query(underWay)).rowCount !== 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** Runs refused requests; afterwards not a row has changed and nobody was surprised. */
  async function withoutTrace(refuse: () => Promise<void>): Promise<void> {
    // Callers who are needed on the way exist before.
    while (callers.length < 12) await newCaller();
    await workDone();
    const before = await stateOfDatabase();
    await refuse();
    expect(await stateOfDatabase()).to.equal(before);
  }

  it('is told from input that it can take', async () => {
    for (const operation of operations) {
      const fields = fieldsOf(operation.input);
      for (const { path, schema } of fields.filter(({ path: each }) => !each.includes('.'))) {
        const input = withValue(bases.get(operation.word) ?? {}, path, sampleOf(schema));
        const { status, paths } = await post(operation, JSON.stringify(input));
        expect(status, `${operation.word} ${path}`).to.be.lessThan(500);
        // Of what the schema allows, only rules between fields refuse some, and cursors have to be ours.
        if (paths.includes(path)) expect(path, operation.word).to.match(/[cC]ardId$|[cC]ode$|^cursor$/);
      }
    }
  });

  it('is refused for each fault of each field, by its path, and changes nothing', async () => {
    const faults = new Map<string, number>();
    await withoutTrace(async () => {
      for (const operation of operations) {
        for (const { fault, code, path, body } of badInputs(operation, bases.get(operation.word) ?? {})) {
          const refusal = await post(operation, body);
          const what = `${operation.word}: ${fault} at ${path}: ${body.slice(0, 200)}`;
          expect([refusal.status, refusal.code], what).to.deep.equal([400, code]);
          expect(
            refusal.paths.some((named) => named === path || named.startsWith(`${path}.`)),
            what,
          ).to.equal(true);
          faults.set(fault, (faults.get(fault) ?? 0) + 1);
        }
      }
    });
    const fields = operations.flatMap(({ input }) => fieldsOf(input)).length;
    const counts = [...faults].map(([fault, count]) => `${fault} ${count}`).join(', ');
    console.log(`      ${operations.length} operations, ${fields} fields: ${counts}`);
    expect(fields).to.be.greaterThan(100);
    expect([...faults.keys()]).to.include.members(['missing', 'wrong type', 'too much', 'unknown field', '__proto__']);
    expect([...faults.keys()]).to.include.members(['too many decimals', 'zero', 'negative', 'more than there is']);
  });

  it('is refused for an expiry that does not lie ahead, by its path', async () => {
    const expiring = operations.filter(({ input }) => input.properties?.['expiresAt'] !== undefined);
    expect(expiring.map(({ word }) => word)).to.have.length.greaterThan(3);
    for (const operation of expiring) {
      const base = bases.get(operation.word) ?? {};
      // Where it is an expiry of something that has to be there, it is.
      const named =
        operation.input.properties?.['cardId'] === undefined ? base : withValue(base, 'cardId', await card());
      for (const past of ['0001-01-01T00:00:00Z', '2020-02-29T23:59:59.999Z', new Date().toISOString()]) {
        const { status, code, paths } = await post(operation, JSON.stringify(withValue(named, 'expiresAt', past)));
        expect({ status, paths }, operation.word).to.deep.equal({ status: 400, paths: ['expiresAt'] });
        expect(code).to.match(/\.invalid_expiry$/);
      }
    }
  });

  /** The id of a new card. */
  async function card(): Promise<string> {
    const response = await fetch(`${url}/v1/gift-cards/create`, {
      method: 'POST',
      headers: { ...JSON_TYPE, authorization: `Bearer ${ADMIN_TOKEN}`, 'idempotency-key': randomUUID() },
      body: JSON.stringify({ amount: { amount: '25.00', currency: 'USD' }, purchaserId: 'test' }),
    });
    return ((await response.json()) as { data: { id: string } }).data.id;
  }

  it('is refused as a whole where it cannot be read, and changes nothing', async () => {
    await withoutTrace(async () => {
      for (const operation of operations) {
        const base = JSON.stringify(bases.get(operation.word));
        for (const { body, headers, expected } of unreadable(base)) {
          const { status, code } = await post(operation, body, headers);
          expect([status, code], `${operation.word}: ${String(body).slice(0, 80)}`).to.deep.equal(expected);
        }
        for (const body of ['[]', '"text"', '25', 'true', 'null']) {
          const { status, code } = await post(operation, body);
          expect([status, code], operation.word).to.deep.equal([400, 'request.invalid_input']);
        }
      }
    });
  });

  it('is refused where it has 10 MB, and changes nothing', async () => {
    await withoutTrace(async () => {
      for (const operation of operations) {
        for (const chunked of [false, true]) {
          const answer = await sendLong(url + operation.path, await tokenFor(operation), 10_000_000, chunked);
          expect(answer, operation.word).to.deep.equal([413, 'request.too_large']);
        }
      }
    });
  });

  it('is refused in a query string as it is in a body', async () => {
    let readers = 0;
    await withoutTrace(async () => {
      for (const operation of operations.filter(({ byQuery }) => byQuery)) {
        readers += 1;
        const base = new URLSearchParams(bases.get(operation.word) as Record<string, string>).toString();
        for (const [query, path] of badQueries(operation)) {
          const refusal = await get(operation, `${base}&${query}`);
          const what = `${operation.word} ${query.slice(0, 80)}`;
          expect([refusal.status, refusal.code], what).to.deep.equal([400, 'request.invalid_input']);
          expect(
            refusal.paths.some((named) => named === path || named.startsWith(`${path}.`)),
            what,
          ).to.equal(true);
        }
        for (const query of ['x=%', 'x=%zz', 'x=%ff', 'x=%ed%a0%80', '%c0%80=x']) {
          const { status, code } = await get(operation, query);
          expect([status, code], `${operation.word} ${query}`).to.deep.equal([400, 'request.malformed']);
        }
      }
    });
    expect(readers).to.be.greaterThan(10);
  });

  it('is refused where it is no key, no cursor and no position of ours', async () => {
    await withoutTrace(async () => {
      for (const operation of operations) {
        const base = bases.get(operation.word) ?? {};
        if (operation.kind === 'command') {
          for (const key of ['', ' ', 'a b', 'x'.repeat(256), 'ü']) {
            const { status, code } = await post(operation, JSON.stringify(base), {
              ...JSON_TYPE,
              'idempotency-key': key,
            });
            expect([status, code], `${operation.word} ${key}`).to.deep.equal([400, 'request.idempotency_key_missing']);
          }
        } else {
          const { status } = await post(operation, JSON.stringify(base), {
            ...JSON_TYPE,
            'portolan-after': 'nonsense',
          });
          expect(status, operation.word).to.be.within(400, 499);
        }
        if (operation.input.properties?.['cursor'] === undefined) continue;
        for (const cursor of FORGED_CURSORS) {
          const { status } = await post(operation, JSON.stringify(withValue(base, 'cursor', cursor)));
          expect(status, `${operation.word} ${cursor}`).to.be.lessThan(500);
        }
      }
    });
  });

  it('never surprises the server, however far from ordinary it is', async () => {
    for (const operation of operations) {
      for (const { path, schema } of fieldsOf(operation.input)) {
        for (const value of EXTREMES) {
          const input = withValue(bases.get(operation.word) ?? {}, path, value);
          const { status } = await post(operation, JSON.stringify(input));
          expect(status, `${operation.word} ${path} ${String(value).slice(0, 40)} ${schema.type}`).to.be.lessThan(500);
        }
      }
    }
    const lines = (await log.lines()).filter(({ level }) => level === 'error');
    expect(lines).to.deep.equal([]);
  });
});

/** Values that some schemas take and few programs think of. */
const EXTREMES: readonly Json[] = [
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999999999Z',
  '9999999999999999999',
  '9223372036854775808',
  '999999999999999999999999',
  '0.00000000000000000000001',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '💥'.repeat(50),
  '\u202e\ufeff\u0001\u007f',
  "'; DROP TABLE gift_cards.cards; --",
  '%00%ff${7*7}{{7*7}}',
  'constructor',
  '__proto__',
  Number.MAX_SAFE_INTEGER,
  2_147_483_648,
];

const FORGED_CURSORS = [
  ...['', 'nonsense', '-1', '1e9', '9999999999999999999', 'null', '%00', '💥'],
  ...[['x', 'y'], ['2027-01-01', 'x'], ['x'], ['99999999999999999999'], ['', '', '', ''], ['x', 'y', 'z', 'w'], []].map(
    (parts) => Buffer.from(JSON.stringify(parts)).toString('base64url'),
  ),
];

interface Unreadable {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers: Record<string, string>;
  readonly expected: readonly [number, string];
}

function unreadable(base: string): readonly Unreadable[] {
  const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> =>
    new Uint8Array([...Buffer.from('{"x":"'), ...values, ...Buffer.from('"}')]);
  const malformed = [
    ...[base.slice(0, -1), `${base}x`, '{', '{"a":1,}', "{'a':1}", '{"a":NaN}', '{"a":01}', '\ufeff'],
    ...['['.repeat(100) + ']'.repeat(100), bytes(0xff), bytes(0xc0, 0x80), bytes(0xed, 0xa0, 0x80), bytes(0xe2, 0x82)],
  ];
  const types = [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-16',
  ];
  return [
    ...malformed.map((body) => ({ body, headers: JSON_TYPE, expected: [400, 'request.malformed'] as const })),
    ...types.map((type) => {
      const headers = { 'content-type': type };
      return { body: base, headers, expected: [415, 'request.unsupported_content'] as const };
    }),
    {
      body: new Uint8Array(gzipSync(base)),
      headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
      expected: [415, 'request.unsupported_content'],
    },
  ];
}

/** Faults in query strings, each with the field that has to be named. */
function badQueries({ input }: Operation): readonly (readonly [query: string, path: string])[] {
  const ofField = Object.entries(input.properties ?? {}).flatMap(([name, { type, maxLength = 1_000 }]) => {
    const integers = ['text', '1.5', '1e3', '0x10', '', '-1', '9'.repeat(40)].map((text) => `${name}=${text}`);
    const texts = [`${name}=${'x'.repeat(maxLength + 1)}`, `${name}=a&${name}=b`];
    const queries = [`${name}=%00`, ...(type === 'integer' ? integers : []), ...(type === 'string' ? texts : [])];
    return queries.map((query) => [query, name] as const);
  });
  return [...ofField, ['unknown=x', 'unknown'], ['__proto__=x', '__proto__'], ['constructor=x', 'constructor']];
}

async function refusalOf(response: Response): Promise<Refusal> {
  const text = await response.text();
  if (response.ok) return { status: response.status, code: 'ok', paths: [] };
  const { error } = JSON.parse(text) as {
    error: { code: string; details: { issues?: { path: string }[] } };
  };
  return { status: response.status, code: error.code, paths: (error.details.issues ?? []).map(({ path }) => path) };
}

/** Posts a long body, told or not told in the head, as long as the server takes it; resolves to status and code. */
function sendLong(url: string, token: string, length: number, chunked: boolean): Promise<readonly [number, string]> {
  const headers = { ...JSON_TYPE, authorization: `Bearer ${token}`, 'idempotency-key': randomUUID() };
  return new Promise((resolve, reject) => {
    const long = request(url, {
      method: 'POST',
      headers: { ...headers, ...(!chunked && { 'content-length': length }) },
    });
    let status: number | undefined;
    long.on('response', (response) => {
      status = response.statusCode ?? 0;
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        const { error } = JSON.parse(text) as { error: { code: string } };
        resolve([response.statusCode ?? 0, error.code]);
      });
    });
    // Once it has answered the server may close the connection in the middle of what is still on its way.
    long.on('error', (error) => (status === undefined ? reject(error) : undefined));
    const chunk = Buffer.alloc(64 * 1024, ' ');
    let sent = 0;
    const write = (): void => {
      while (sent < length && status === undefined) {
        const part = chunk.subarray(0, Math.min(chunk.length, length - sent));
        sent += part.length;
        if (!long.write(part)) return void long.once('drain', write);
      }
      long.end();
    };
    write();
  });
}
