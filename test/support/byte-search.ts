import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';

/** What was found: a form of a secret, and where. */
export interface Find {
  readonly form: string;
  readonly where: string;
}

interface Needle {
  readonly form: string;
  readonly bytes: Buffer;
}

const HEAD_BYTES = 4;
const FILTER_BITS = 22;

/** Looks for many texts at once, in all the forms in which bytes are commonly written. */
export class ByteSearch {
  readonly #byHead = new Map<number, Needle[]>();
  /** Which heads may begin a needle: nearly every position is passed over with one look at it. */
  readonly #filter = new Uint8Array(1 << FILTER_BITS);

  /** `secrets` are texts of at least 8 characters. */
  constructor(secrets: Iterable<string>) {
    for (const secret of secrets) {
      if (secret.length < 8) throw new RangeError('What is looked for has to be longer.');
      for (const [latin1, form] of formsOf(secret)) {
        const bytes = Buffer.from(latin1, 'latin1');
        const head = bytes.readUInt32LE();
        const needles = this.#byHead.get(head) ?? [];
        needles.push({ form: `${form} of ${secret}`, bytes });
        this.#byHead.set(head, needles);
        this.#filter[slotOf(head)] = 1;
      }
    }
  }

  /** Everything that stands in these bytes. */
  in(bytes: Buffer, where: string): readonly Find[] {
    const finds: Find[] = [];
    if (bytes.length < HEAD_BYTES) return finds;
    // The next four bytes, the first of them lowest.
    let head = bytes.readUInt32LE() << 8;
    for (let at = 0; at + HEAD_BYTES <= bytes.length; at += 1) {
      head = (head >>> 8) | ((bytes[at + HEAD_BYTES - 1] as number) << 24);
      if (this.#filter[slotOf(head)] === 0) continue;
      for (const { form, bytes: needle } of this.#byHead.get(head >>> 0) ?? []) {
        if (bytes.subarray(at, at + needle.length).equals(needle)) finds.push({ form, where: `${where} at ${at}` });
      }
    }
    return finds;
  }

  inText(text: string, where: string): readonly Find[] {
    return this.in(Buffer.from(text), where);
  }

  /** All bytes of all files below a folder. */
  async inFolder(folder: string): Promise<{ readonly finds: readonly Find[]; readonly bytes: number }> {
    const finds: Find[] = [];
    let bytes = 0;
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const content = await readFile(path);
      bytes += content.length;
      finds.push(...this.in(content, path.slice(folder.length + 1)));
    }
    return { finds, bytes };
  }

  /**
   * Every row of every table of every schema, PostgreSQL's own included; the role has to be a superuser. Temporary tables
   * are left out: they may be gone when their turn comes, nobody but their session can read them, and they are emptied at
   * each commit. What their files held is looked for by `inFolder`.
   */
  async inDatabase(client: Client): Promise<{ readonly finds: readonly Find[]; readonly tables: number }> {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind IN ('r', 'm') AND relpersistence <> 't' ORDER BY 1`,
    );
    const finds: Find[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t`);
      for (const { row } of rows) finds.push(...this.inText(row, name));
    }
    return { finds, tables: tables.length };
  }
}

const slotOf = (head: number): number => Math.imul(head, 0x9e3779b1) >>> (32 - FILTER_BITS);

/** The forms by their bytes, which are the same for some of a text without hyphens or capitals. */
function formsOf(secret: string): ReadonlyMap<string, string> {
  const forms = new Map<string, string>();
  const add = (form: string, bytes: Buffer): void => {
    const key = bytes.toString('latin1');
    if (!forms.has(key)) forms.set(key, form);
  };
  const bare = secret.replaceAll('-', '');
  const texts = { text: secret, 'text without hyphens': bare, 'lower case': secret.toLowerCase() };
  for (const [kind, text] of Object.entries({ ...texts, 'lower case without hyphens': bare.toLowerCase() })) {
    const bytes = Buffer.from(text);
    const hex = bytes.toString('hex');
    add(kind, bytes);
    add(`URL encoding of ${kind}`, Buffer.from(encodeURIComponent(text).replaceAll('-', '%2D')));
    add(`hexadecimal ${kind}`, Buffer.from(hex));
    add(`capital hexadecimal ${kind}`, Buffer.from(hex.toUpperCase()));
    add(`UTF-16 of ${kind}`, Buffer.from(text, 'utf16le'));
    for (const before of [0, 1, 2]) add(`base64 of ${kind} after ${before} bytes`, base64Within(bytes, before));
  }
  return forms;
}

/** What is the same of the base64 of anything that has these bytes after so many others, or a multiple of three more. */
function base64Within(bytes: Buffer, before: number): Buffer {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  const firstWhole = before === 0 ? 0 : 4;
  const whole = Math.floor((before + bytes.length) / 3) * 4;
  return Buffer.from(text.slice(firstWhole, whole));
}
