import type { Express } from 'express';
import type { PersonEraser } from '../application/privacy/index.ts';
import type { ContextContract } from '../application/shared/contract.ts';
import type { ExclusiveConsumer } from '../application/shared/event-log.ts';
import type { JobDefinition, JobSchedule } from '../application/shared/job-queue.ts';
import { compile, type CompiledOperation, type Handlers, type PipelineHooks } from '../application/shared/pipeline.ts';
import type { Authenticate } from '../interfaces/http/exchange.ts';
import type { HealthCheck } from '../interfaces/http/health.ts';

/** All that a context brings to an application: its language, what carries it out, and what runs by itself. */
export interface ContextModule {
  readonly contract: ContextContract;
  readonly compile: (hooks: PipelineHooks) => ReadonlyMap<string, CompiledOperation>;
  readonly consumers: readonly ExclusiveConsumer[];
  readonly jobs: readonly JobDefinition[];
  readonly schedules: readonly JobSchedule[];
  readonly erasers: readonly PersonEraser[];
  /** Looked at by `/readyz`: systems without which the context can't work. Names are the context's own. */
  readonly checks: { readonly [name: string]: HealthCheck };
  /** Adds routes that no operation can be: bodies that are signed as they are, files, events that a server sends. */
  readonly addRoutes: (app: Express, authenticate: Authenticate) => void;
}

/** Makes a module; what a context doesn't have may be left out. */
export function contextModule<C extends ContextContract>(
  contract: C,
  handlers: Handlers<C>,
  rest: Partial<Pick<ContextModule, 'consumers' | 'jobs' | 'schedules' | 'erasers' | 'checks' | 'addRoutes'>> = {},
): ContextModule {
  return {
    contract,
    compile: (hooks) => compile(contract, handlers, hooks),
    ...{ consumers: [], jobs: [], schedules: [], erasers: [], checks: {}, addRoutes: () => undefined },
    ...rest,
  };
}

/** What modules add to the HTTP interface besides their operations; a check's name begins with its context's. */
export function additionsOf(modules: readonly ContextModule[], authenticate: Authenticate) {
  const checks = modules.flatMap(({ contract, checks: own }) =>
    Object.entries(own).map(([name, check]) => [`${contract.name}.${name}`, check] as const),
  );
  return {
    checks: Object.fromEntries(checks),
    extend: (app: Express): void => modules.forEach(({ addRoutes }) => addRoutes(app, authenticate)),
  };
}
