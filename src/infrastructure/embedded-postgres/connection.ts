import pg from 'pg';
import type { Client } from 'pg';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres-error.ts';

const connectMs = 5_000;

/** SQLSTATEs: the server is starting, recovering or stopping. */
const cannotConnectNow = '57P03';
const wrongPassword = ['28P01', '28000'];

/** The address of the embedded server for one role. Says "no TLS" so that PGSSLMODE cannot ask for it. */
export function urlFor(role: string, password: string, port: number, database: string): string {
  return `postgres://${role}:${password}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

/** The superuser's address: for creating roles and databases, and for nothing else. */
export function superuserUrl(password: string, port: number): string {
  return urlFor('postgres', password, port, 'postgres');
}

/** Connects without waiting: `client` is absent while the server does not accept connections. */
export async function connectAsSuperuser(
  port: number,
  password: string,
): Promise<{ client?: Client; recovering: boolean }> {
  try {
    return { client: await connect(superuserUrl(password, port)), recovering: false };
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (wrongPassword.includes(code)) {
      throw new EmbeddedPostgresError(`PostgreSQL on port ${port} does not accept the password kept in postgres.json`);
    }
    return { recovering: code === cannotConnectNow };
  }
}

/** Whether one can connect to this address now. */
export async function accepts(url: string): Promise<boolean> {
  try {
    const client = await connect(url);
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function connect(connectionString: string): Promise<Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: connectMs });
  // A connection that the server ends while it is idle must not end this process; the next query reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end();
    throw error;
  }
}
