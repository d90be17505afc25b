import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** The three streams of a program, and what it was told about them. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Reads secrets one after another: a line each of standard input, or a prompt each that shows nothing. */
export class SecretReader {
  readonly #terminal: Terminal;
  #lines: AsyncIterator<string> | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** The next secret, without the blanks around it; empty at the end of input. */
  async read(name: string): Promise<string> {
    return (await (this.#terminal.stdin.isTTY === true ? this.#prompt(name) : this.#line())).trim();
  }

  async #line(): Promise<string> {
    this.#lines ??= createInterface({ input: this.#terminal.stdin, crlfDelay: Infinity })[Symbol.asyncIterator]();
    const { value, done } = await this.#lines.next();
    return done === true ? '' : value;
  }

  async #prompt(name: string): Promise<string> {
    const { stdin, stderr } = this.#terminal;
    stderr.write(`${name}: `);
    // The terminal itself echoes nothing in raw mode, so that what is typed isn't shown.
    stdin.setRawMode?.(true);
    try {
      let typed = '';
      for await (const chunk of stdin) {
        for (const character of String(chunk)) {
          if (character === '\r' || character === '\n' || character === '\u0004') return typed;
          if (character === '\u0003') throw new Error('Cancelled.');
          typed = character === '\u007f' ? typed.slice(0, -1) : typed + character;
        }
      }
      return typed;
    } finally {
      stdin.setRawMode?.(false);
      stderr.write('\n');
    }
  }
}

/** Reads a stream to its end. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
