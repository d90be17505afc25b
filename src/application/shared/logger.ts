import type { Call } from './call.ts';
import { traceIdOf } from './trace-context.ts';

/**
 * What a line says besides its message. Adapters describe an `Error` by name, code and stack, and mask fields that
 * are named like secrets; that is the second line of defence: callers pass no secrets and nothing personal.
 */
export type LogFields = { readonly [name: string]: unknown };

/** Takes note of what happens, for operators. Never throws and never waits. */
export interface Logger {
  /** Something failed that nobody expected, or that needs an operator. */
  error(message: string, fields?: LogFields): void;
  /** Something is not as it should be, and the program went on. */
  warn(message: string, fields?: LogFields): void;
  /** What operators want to see in normal times. */
  info(message: string, fields?: LogFields): void;
  /** What helps to find a fault; off by default. */
  debug(message: string, fields?: LogFields): void;
  /** The same log, with these fields on each line. */
  child(fields: LogFields): Logger;
}

const nothing = (): void => undefined;

/** Drops everything. */
export const silentLogger: Logger = {
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  child: () => silentLogger,
};

/** What ties the lines about one call together, and to its trace. */
export function callFields({ correlationId, principal, traceParent }: Call): LogFields {
  return { correlationId, principal: principal.id, tenant: principal.tenant, traceId: traceIdOf(traceParent) };
}
