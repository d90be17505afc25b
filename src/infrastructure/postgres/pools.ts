import pg from 'pg';

/**
 * Plans for statements that find every row by its key. A plan that was made while the tables were small is kept by a
 * connection and would go on scanning them; with these switched off it looks them up in an index, and joins the rows
 * of a batch by a hash: compared each with each they cost the square of the batch.
 */
const KEYED_PLANS = {
  enable_seqscan: 'off',
  enable_mergejoin: 'off',
  enable_nestloop: 'off',
  jit: 'off',
  // Look-ups by key have one good plan: to make another for each set of values would cost more than to carry it out.
  plan_cache_mode: 'force_generic_plan',
};

const options = (settings: Readonly<Record<string, string>>): string =>
  Object.entries({ TimeZone: 'UTC', DateStyle: 'ISO', ...settings })
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');

/** A statement of a command that is not answered for so long never will be: its connection is given up. */
export const UNANSWERED_MS = 15_000;

/** How long a connection may take to come about, in milliseconds: a server that takes it and says nothing is down. */
export const CONNECT_MS = 5_000;

/** How long the server works on a statement of the other pools, in milliseconds, where its caller sets no limit. */
const STATEMENT_MS = 30_000;

/** How much later than the server would end a statement its connection is given up, in milliseconds. */
const SERVER_GRACE_MS = 5_000;

export interface PoolOptions {
  readonly connectionString: string;
  readonly max: number;
  /** Told of connections that break while nobody uses them; the pool replaces them. */
  readonly onError: (error: Error) => void;
}

/** Connections for group commit: in pipeline mode, with plans for look-ups by key. */
export function createCommandPool({ connectionString, max, onError }: PoolOptions): pg.Pool {
  return watched(
    new pg.Pool({
      ...connection(connectionString, max),
      pipeline: true,
      query_timeout: UNANSWERED_MS,
      options: options(KEYED_PLANS),
    }),
    onError,
  );
}

/**
 * Connections for everything else. The server ends a statement that takes longer than `statementMs` (30,000 if left
 * out), so that what nobody waits for any more gives its connection back; a transaction may set another limit. A server
 * that is gone without a word can't: a little later the connection is given up here.
 */
export function createPool(
  { connectionString, max, onError }: PoolOptions,
  statementMs: number = STATEMENT_MS,
): pg.Pool {
  const settings = options({ statement_timeout: String(statementMs) });
  const query_timeout = statementMs + SERVER_GRACE_MS;
  return watched(new pg.Pool({ ...connection(connectionString, max), query_timeout, options: settings }), onError);
}

/**
 * Takes a connection out of any pool, a caller's included. When it breaks, its query fails; that it tells so as an event
 * too would end the process if nobody listened. By callback, since a promise is too late: the packet that makes the
 * connection free may hold its last words as well, and the driver reads on before anybody who awaits it.
 */
export function checkOut(pool: pg.Pool): Promise<pg.PoolClient> {
  const { promise, resolve, reject } = Promise.withResolvers<pg.PoolClient>();
  pool.connect((error, client) => {
    if (client === undefined) return reject(error ?? new Error('The pool gave neither a connection nor an error.'));
    if (client.listenerCount('error') === 0) client.on('error', () => undefined);
    resolve(client);
  });
  return promise;
}

const connection = (connectionString: string, max: number): pg.PoolConfig => ({
  connectionString,
  max,
  connectionTimeoutMillis: CONNECT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  application_name: 'portolan',
});

function watched(pool: pg.Pool, onError: (error: Error) => void): pg.Pool {
  pool.on('error', onError);
  return pool;
}
