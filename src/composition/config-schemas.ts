import { isIP } from 'node:net';
import { z } from 'zod';
import { codeFormat, UnsupportedCodeFormat, type CodeFormat } from '../domain/gift-cards/code.ts';
import { MAX_BODY_LENGTH, MIN_BODY_LENGTH } from '../domain/gift-cards/code-alphabet.ts';
import { pepperTable, type Pepper } from '../infrastructure/system/pepper.ts';

/** Every schema here reads the text of an environment variable; its messages go on from the setting's name. */
const text = z.string();

/** Runs `read`, and turns what it throws into the fault of this setting. */
const read = <T>(parse: (value: string) => T) =>
  text.transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });

/** Says in a few words what a value must be; never repeats the value. */
class Fault extends Error {}

const parts = (value: string): readonly string[] => value.split(',').map((part) => part.trim());

/** Digits only: no sign, exponent, blank or hexadecimal, all of which `Number` would read. */
export const wholeNumber = (min: number, max: number) => read((value) => numberIn(value, min, max));

function numberIn(value: string, min: number, max: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) throw new Fault(`must be a whole number from ${min} to ${max}`);
  return number;
}

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

/** One line of text as it is. */
export const line = text.regex(/^[^\p{Cc}]{1,500}$/u, 'must be one line of at most 500 characters');

export const host = text.regex(/^[A-Za-z0-9.:_-]{1,253}$/, 'must be a host name or an IP address');

export const folder = text.refine((value) => !value.includes('\0'), 'must be the path of a folder');

/** An absolute address with one of these schemes, such as `https`, kept as it was written. */
export const address = (...schemes: readonly string[]) =>
  read((value) => {
    const url = URL.parse(value);
    if (url === null || !schemes.includes(url.protocol.slice(0, -1)) || url.hostname === '') {
      throw new Fault(`must be an address beginning with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`);
    }
    return value;
  });

/** A PostgreSQL address; the host may be a folder with a socket, `postgres:///portolan?host=/run/postgresql`. */
export const databaseAddress = read((value) => {
  const url = URL.parse(value);
  const isPostgres = url?.protocol === 'postgres:' || url?.protocol === 'postgresql:';
  if (!isPostgres || (url.hostname === '' && !url.searchParams.has('host'))) {
    throw new Fault('must be an address such as postgres://user:password@host/database');
  }
  return value;
});

/** Where clients reach the service: nothing behind the path, no slash at its end. */
export const publicAddress = address('https', 'http').transform((value, context) => {
  const { username, password, search, hash } = new URL(value);
  if (`${username}${password}${search}${hash}` !== '') {
    context.addIssue({ code: 'custom', message: 'must have no user, password, query or fragment' });
  }
  return value.replace(/\/+$/, '');
});

export const sha256 = text.regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 hash: 64 hexadecimal digits in lower case');

/** `Shop <shop@example.com>` or the address alone. */
export const sender = text.regex(
  /^(?:[^<>"\p{Cc}]{0,100}<[^\s<>@\p{Cc}]{1,64}@[^\s<>@\p{Cc}]{1,190}>|[^\s<>@\p{Cc}]{1,64}@[^\s<>@\p{Cc}]{1,190})$/u,
  'must be an e-mail address, or a name followed by one in angle brackets',
);

const PERMISSION = /^(?:\*|[a-z][a-z0-9-]*:(?:\*|[a-z][a-z0-9-]*(?::own)?))$/;

const PERMISSION_FORM = 'must be permissions such as gift-cards:redeem, gift-cards:*';

/** Whether a contract has such permissions is seen when the application is composed. */
export const permissions = read((value): readonly string[] => {
  const list = parts(value);
  if (!list.every((permission) => PERMISSION.test(permission)))
    throw new Fault(`${PERMISSION_FORM}, separated by commas`);
  return list;
});

const roleTable = z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/), z.array(z.string().regex(PERMISSION)));

/** The permissions of each role. */
export const roles = read((value): { readonly [role: string]: readonly string[] } => {
  const table = roleTable.safeParse(parseJson(value));
  if (!table.success) {
    throw new Fault(
      'must be JSON such as {"cashier": ["gift-cards:redeem"]}: roles in lower case, lists of permissions',
    );
  }
  if ('admin' in table.data) throw new Fault('must not define admin, which is built in');
  return table.data;
});

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    // What was wrong with it is said in the words of the setting, which doesn't repeat the value as JSON.parse does.
    return undefined;
  }
}

const PEPPER = /^([^:]*):([A-Za-z0-9+/_-]+={0,2})$/;

/** `id:base64` of at least 32 bytes each, the newest first. */
export const peppers = read((value): readonly Pepper[] => {
  const list = parts(value).map((part): Pepper => {
    const [, id = '', secret = ''] = PEPPER.exec(part) ?? [];
    return { id, secret: new Uint8Array(Buffer.from(secret, 'base64')) };
  });
  try {
    pepperTable(list);
  } catch {
    // The table names the faulty pepper by its id, which may be a secret that was put into the wrong place.
    throw new Fault(
      'must be peppers written id:base64, each of at least 32 bytes and with an id of its own, separated by commas',
    );
  }
  return list;
});

const PEPPER_ID = /^[A-Za-z0-9_-]{1,32}$/;

/** Ids of peppers without their secrets. */
export const pepperIds = read((value): readonly string[] => {
  const ids = parts(value);
  if (!ids.every((id) => PEPPER_ID.test(id))) throw new Fault('must be ids of peppers, separated by commas');
  return ids;
});

/** Lengths of gift card codes, that of new ones first. */
export const codeLengths = read((value): readonly number[] => {
  const lengths = parts(value).map((part) => (/^\d{1,2}$/.test(part) ? Number(part) : Number.NaN));
  if (!lengths.every((length) => fits({ length })) || new Set(lengths).size < lengths.length) {
    throw new Fault(
      `must be different whole numbers from ${MIN_BODY_LENGTH} to ${MAX_BODY_LENGTH}, separated by commas`,
    );
  }
  return lengths;
});

/** The prefix of gift card codes. */
export const codePrefix = text.refine((prefix) => fits({ prefix }), 'must be 1 to 12 characters of A-Z and 0-9');

function fits(format: Partial<CodeFormat>): boolean {
  try {
    return codeFormat(format) !== undefined;
  } catch (error) {
    if (error instanceof UnsupportedCodeFormat) return false;
    throw error;
  }
}

const PROXY_NAMES: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** How many proxies stand in front, or which ones; in the form of Express's `trust proxy`, without its `true`. */
export const trustedProxies = read((value): number | readonly string[] => {
  if (/^\d+$/.test(value)) return numberIn(value, 0, 10);
  const list = parts(value);
  if (!list.every(isProxy)) {
    throw new Fault(
      'must be the number of proxies in front, or their addresses, separated by commas: 10.0.0.0/8, ::1, loopback, linklocal, uniquelocal',
    );
  }
  return list;
});

function isProxy(part: string): boolean {
  if (PROXY_NAMES.has(part)) return true;
  const [ip = '', bits, ...rest] = part.split('/');
  const version = isIP(ip);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** Refuses any value: without the adapter behind the setting the service would not be what was asked for. */
export const unsupported = (what: string) =>
  read((): undefined => {
    throw new Fault(`must not be set: this version has no adapter for ${what}`);
  });
