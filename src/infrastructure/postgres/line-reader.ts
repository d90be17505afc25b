import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';

const LINES_PER_CHUNK = 500;

/** Reads a stream line by line, or a run of lines as a stream of its own. */
export class LineReader {
  readonly #interface: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor(stream: Readable) {
    this.#interface = createInterface({ input: stream, crlfDelay: Infinity });
    // The interface doesn't pass on errors of its input.
    stream.on('error', (error) => this.#interface.emit('error', error));
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** The next line; undefined at the end. */
  async next(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  /** The lines up to one that is `end`, which is read and left out. Throws where the stream ends before it. */
  async *until(end: string): AsyncGenerator<string> {
    let chunk: string[] = [];
    for (let line = await this.next(); line !== end; line = await this.next()) {
      if (line === undefined) throw new Error('the file ends too early');
      chunk.push(line);
      if (chunk.length < LINES_PER_CHUNK) continue;
      yield `${chunk.join('\n')}\n`;
      chunk = [];
    }
    if (chunk.length > 0) yield `${chunk.join('\n')}\n`;
  }

  close(): void {
    this.#interface.close();
  }
}
