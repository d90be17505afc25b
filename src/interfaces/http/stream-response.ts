import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { wantsCsv } from './accept.ts';
import { csvColumns, csvLine, type CsvColumn } from './csv.ts';
import type { Deadline } from './deadline.ts';
import type { Exchange } from './exchange.ts';
import { NotAcceptable } from './http-errors.ts';
import type { JsonSchema } from './json-schema.ts';

/** How the items of a stream are written. */
export interface StreamFormat {
  readonly contentType: string;
  readonly header: string;
  readonly line: (item: unknown) => string;
}

const JSON_LINES: StreamFormat = {
  contentType: 'application/x-ndjson; charset=utf-8',
  header: '',
  line: (item) => `${JSON.stringify(item)}\n`,
};

/** Lines are gathered up to this many characters, so that a long list is not sent in tiny packets. */
const CHUNK_LENGTH = 16_384;

/** JSON lines, or CSV where `Accept` prefers it; throws `NotAcceptable` where the items have no columns. */
export function streamFormat(accept: string | undefined, output: JsonSchema): StreamFormat {
  if (!wantsCsv(accept)) return JSON_LINES;
  const columns = csvColumns(output);
  if (columns === undefined) throw new NotAcceptable('These items have no columns; ask for application/x-ndjson.');
  return csvFormat(columns);
}

function csvFormat(columns: readonly CsvColumn[]): StreamFormat {
  return {
    contentType: 'text/csv; charset=utf-8; header=present',
    header: csvLine(columns.map(({ name }) => name)),
    line: (item) => csvLine(columns.map(({ read }) => read(item))),
  };
}

/**
 * Sends the items as they come, no faster than the client reads. A failure before anything was sent is thrown, to be
 * answered as any other; a later one is thrown too, after the connection has been cut: a list that stops in the middle
 * must not look complete. The deadline bounds each wait, not the whole.
 */
export async function sendStream(
  exchange: Exchange,
  items: AsyncIterable<unknown>,
  format: StreamFormat,
  deadline: Deadline,
): Promise<void> {
  const { response, correlationId } = exchange;
  const writer = new LineWriter(response, deadline);
  const iterator = items[Symbol.asyncIterator]();
  try {
    let next = await iterator.next();
    if (response.headersSent || response.destroyed) return;
    response.setHeader('Content-Type', format.contentType);
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Correlation-Id', correlationId);
    writer.add(format.header);
    for (; next.done !== true; next = await iterator.next()) {
      deadline.extend();
      writer.add(format.line(next.value));
      if (writer.isFull) await writer.flush();
      deadline.signal.throwIfAborted();
    }
    await writer.end();
  } catch (error) {
    writer.discard();
    if (response.headersSent) cut(response);
    throw error;
  } finally {
    await iterator.return?.();
  }
}

/**
 * Ends the connection without ending the answer. What was sent still arrives where the chunks have an end mark that is
 * then missing; without one (HTTP/1.0) only a reset tells the client that there should have been more.
 */
function cut(response: ServerResponse): void {
  if (response.chunkedEncoding) response.socket?.destroySoon();
  else response.socket?.resetAndDestroy();
}

/** Gathers lines into chunks; what is waiting is sent as soon as the producer has to wait itself. */
class LineWriter {
  readonly #response: ServerResponse;
  readonly #deadline: Deadline;
  #waiting = '';
  #scheduled: NodeJS.Immediate | undefined;

  constructor(response: ServerResponse, deadline: Deadline) {
    this.#response = response;
    this.#deadline = deadline;
  }

  get isFull(): boolean {
    return this.#waiting.length >= CHUNK_LENGTH || this.#response.writableNeedDrain;
  }

  add(line: string): void {
    this.#waiting += line;
    this.#scheduled ??= setImmediate(() => this.#write());
  }

  /** Sends what is waiting and resolves when the client has taken enough of it; rejects when the deadline aborts. */
  async flush(): Promise<void> {
    this.#write();
    if (!this.#response.writableNeedDrain) return;
    await once(this.#response, 'drain', { signal: this.#deadline.signal });
    this.#deadline.extend();
  }

  discard(): void {
    clearImmediate(this.#scheduled);
    this.#waiting = '';
  }

  async end(): Promise<void> {
    await this.flush();
    this.#response.end();
  }

  #write(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const text = this.#waiting;
    this.#waiting = '';
    if (text !== '' && !this.#response.destroyed) this.#response.write(text);
  }
}
