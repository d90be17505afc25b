import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { MalformedRequest } from '../../application/shared/errors.ts';
import { RequestTooLarge, UnsupportedContent } from './http-errors.ts';
import { parseJson } from './json-text.ts';

const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;

const READ_BEFORE = 'The body has been read already: createHttpApi has to be mounted before body parsers.';

/**
 * Refuses, before a byte of it is read, a body that is not plain JSON (`UnsupportedContent`) or says that it is too
 * long (`RequestTooLarge`). Compressed bodies are refused: a small one could unfold to any size.
 */
export function checkBodyHeaders(request: IncomingMessage, limitBytes: number): void {
  const { headers } = request;
  if (Number(headers['content-length']) > limitBytes) throw tooLarge(limitBytes);
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new UnsupportedContent('The body has to be sent without a content encoding.');
  }
  const type = headers['content-type'];
  if (type === 'application/json') return;
  if (type === undefined ? hasBody(request) : !JSON_TYPE.test(type)) {
    throw new UnsupportedContent('The body has to be application/json in UTF-8.');
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Reads a JSON body; no body at all is an empty object, so that the schema can say what is missing. Rejects with a
 * `TypeError` where somebody has read it before: only whoever put the application together can mend that.
 */
export async function readJsonBody(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  // A stream that has ended never says so again.
  if (request.readableEnded) throw new TypeError(READ_BEFORE);
  const bytes = await readBytes(request, limitBytes);
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw new MalformedRequest('The body is not valid UTF-8.');
  return parseJson(bytes.toString('utf8'));
}

/** Reads the whole body; rejects with `RequestTooLarge`, or `MalformedRequest` when the client hangs up in it. */
function readBytes(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      // Going on without keeping anything lets the client read the refusal; it stops when the connection closes.
      if (length > limitBytes) reject(tooLarge(limitBytes));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', () => reject(new MalformedRequest('The body ended before it was complete.')));
  });
}

function tooLarge(limitBytes: number): RequestTooLarge {
  return new RequestTooLarge(`The body is longer than ${limitBytes} bytes.`, { limitBytes });
}
