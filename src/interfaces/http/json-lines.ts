import { ServiceUnavailable } from '../../application/shared/errors.ts';
import { RemoteFailure } from './remote-failure.ts';

/**
 * Reads the JSON lines of an answer with status 200 as they arrive. Throws `ServiceUnavailable` where the connection
 * breaks or the last line has no end, `RemoteFailure` for a line that isn't JSON: what was yielded until then is good,
 * but it is not all.
 */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<unknown> {
  let rest = '';
  for await (const text of texts(chunks)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield parse(line);
  }
  if (rest !== '') throw brokenOff(undefined);
}

async function* texts(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (cause) {
    throw brokenOff(cause);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Without the cause: it quotes the line, which may hold a secret.
    throw new RemoteFailure('A line of the stream is not JSON.', 200);
  }
}

function brokenOff(cause: unknown): ServiceUnavailable {
  const error = new ServiceUnavailable('The stream broke off before its end.');
  error.cause = cause;
  return error;
}
