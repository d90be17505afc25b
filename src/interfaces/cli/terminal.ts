import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

/** The three streams of a program, and what it was told about them. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Somebody pressed Ctrl-C at a prompt. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

const END_OF_INPUT = '\u0004';
const INTERRUPT = '\u0003';
const ERASE: ReadonlySet<string> = new Set(['\u007f', '\b']);
const ERASE_LINE = '\u0015';
/** What terminals send for arrows and other keys, and around what is pasted. */
const KEYS = /\u001b\[[0-9;]*[A-Za-z~]/g;

/** Reads secrets one after another: a line each of standard input, or a prompt each that shows nothing. */
export class SecretReader {
  readonly #terminal: Terminal;
  #chunks: AsyncIterator<unknown> | undefined;
  /** What has arrived beyond the lines read so far: two lines may be pasted at once. */
  #ahead = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** The next secret, without the blanks around it; empty at the end of input. Throws `Cancelled` on Ctrl-C. */
  async read(name: string): Promise<string> {
    const { stdin } = this.#terminal;
    return (await (stdin.isTTY === true ? this.#prompt(name) : this.#line(plain))).trim();
  }

  async #prompt(name: string): Promise<string> {
    const { stdin, stderr } = this.#terminal;
    // In raw mode the terminal itself echoes nothing. First, so that whoever is asked can answer at once.
    stdin.setRawMode?.(true);
    try {
      stderr.write(`${name}: `);
      return await this.#line(edited);
    } finally {
      stdin.setRawMode?.(false);
      stderr.write('\n');
    }
  }

  /** Characters up to the end of a line, each put to the others by `add`. */
  async #line(add: (line: string, character: string) => string): Promise<string> {
    let line = '';
    for (;;) {
      const characters = [...this.#ahead.replace(KEYS, '')];
      this.#ahead = '';
      for (const [index, character] of characters.entries()) {
        if (character !== '\r' && character !== '\n' && character !== END_OF_INPUT) {
          line = add(line, character);
          continue;
        }
        const next = character === '\r' && characters[index + 1] === '\n' ? index + 2 : index + 1;
        this.#ahead = characters.slice(next).join('');
        return line;
      }
      const more = await this.#more();
      if (more === undefined) return line;
      this.#ahead = more;
    }
  }

  /** The next piece of input; undefined at its end. The stream stays open for the prompts to come. */
  async #more(): Promise<string | undefined> {
    this.#chunks ??= this.#terminal.stdin.setEncoding('utf8').iterator({ destroyOnReturn: false });
    const { value, done } = await this.#chunks.next();
    return done === true ? undefined : String(value);
  }
}

const plain = (line: string, character: string): string => line + character;

function edited(line: string, character: string): string {
  if (character === INTERRUPT) throw new Cancelled('Cancelled.');
  if (character === ERASE_LINE) return '';
  return ERASE.has(character) ? [...line].slice(0, -1).join('') : line + character;
}

/** Reads a stream to its end. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

/** Writes, and waits where the reader is slower than the writer. */
export async function write(stream: Writable, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, 'drain');
}

/** Resolves when everything written so far has been taken; a process that ends before that loses the rest. */
export function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => void stream.write('', () => resolve()));
}
