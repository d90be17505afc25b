import type { Client } from 'pg';
import type { Secrets } from './cluster.ts';

/** The database that holds everything. */
export const databaseName = 'portolan';
/** Owns the database and its schemas, and runs the migrations. No superuser. */
export const ownerRole = 'portolan_owner';
/** What the application works as: has the rights that migrations grant it, and no others. */
export const applicationRole = 'portolan_app';

/**
 * Creates what is missing of the two roles and the database. Every step is safe to repeat, so that a start that was
 * killed half-way is completed by the next.
 */
export async function provision(superuser: Client, passwords: Secrets['passwords']): Promise<void> {
  await ensureRole(superuser, ownerRole, passwords.owner);
  await ensureRole(superuser, applicationRole, passwords.application);
  const found = await superuser.query('SELECT FROM pg_database WHERE datname = $1', [databaseName]);
  if (found.rowCount === 0) await superuser.query(`CREATE DATABASE ${databaseName} OWNER ${ownerRole}`);
  await superuser.query(`REVOKE ALL ON DATABASE ${databaseName} FROM PUBLIC`);
  await superuser.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${databaseName} TO ${applicationRole}`);
}

async function ensureRole(superuser: Client, role: string, password: string): Promise<void> {
  const found = await superuser.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  if (found.rowCount !== 0) return;
  await superuser.query(
    `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${superuser.escapeLiteral(password)}`,
  );
}
