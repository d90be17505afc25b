import type { Caller } from '../../application/shared/client.ts';
import { ServiceUnavailable, Unauthenticated } from '../../application/shared/errors.ts';

/** What a client was given to reach the server with. */
export interface Reach {
  readonly baseUrl: string;
  readonly hasToken: boolean;
}

/** The same calls, whose failures say what to do where there is no server or no token. */
export function explaining(caller: Caller, reach: Reach): Caller {
  return {
    async call(word, input, options) {
      try {
        return await caller.call(word, input, options);
      } catch (error) {
        throw explained(error, reach);
      }
    },
    async *stream(word, input, options) {
      try {
        yield* caller.stream(word, input, options);
      } catch (error) {
        throw explained(error, reach);
      }
    },
  };
}

/** The system's reasons for not getting a connection at all. */
const NO_CONNECTION: ReadonlySet<unknown> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT'],
]);

function explained(error: unknown, { baseUrl, hasToken }: Reach): unknown {
  if (error instanceof ServiceUnavailable && NO_CONNECTION.has(codeBehind(error))) {
    const advice = 'Start it with "portolan serve", or name another one by --server or API_URL.';
    return new ServiceUnavailable(`The server at ${baseUrl} cannot be reached. ${advice}`);
  }
  if (error instanceof Unauthenticated && !hasToken) {
    return new Unauthenticated('No token was sent: put one into API_TOKEN.', error.details);
  }
  return error;
}

/** The code of the error that is at the bottom of it. */
function codeBehind(error: Error): unknown {
  let found: unknown = error;
  for (let depth = 0; depth < 5 && found instanceof Error && found.cause !== undefined; depth++) found = found.cause;
  return found instanceof Error && 'code' in found ? found.code : undefined;
}
