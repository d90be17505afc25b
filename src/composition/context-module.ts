import type { PersonEraser } from '../application/privacy/index.ts';
import type { ContextContract } from '../application/shared/contract.ts';
import type { ExclusiveConsumer } from '../application/shared/event-log.ts';
import type { JobDefinition, JobSchedule } from '../application/shared/job-queue.ts';
import { compile, type CompiledOperation, type Handlers, type PipelineHooks } from '../application/shared/pipeline.ts';

/** All that a context brings to an application: its language, what carries it out, and what runs by itself. */
export interface ContextModule {
  readonly contract: ContextContract;
  readonly compile: (hooks: PipelineHooks) => ReadonlyMap<string, CompiledOperation>;
  readonly consumers: readonly ExclusiveConsumer[];
  readonly jobs: readonly JobDefinition[];
  readonly schedules: readonly JobSchedule[];
  readonly erasers: readonly PersonEraser[];
}

/** Makes a module; what a context doesn't have may be left out. */
export function contextModule<C extends ContextContract>(
  contract: C,
  handlers: Handlers<C>,
  rest: Partial<Pick<ContextModule, 'consumers' | 'jobs' | 'schedules' | 'erasers'>> = {},
): ContextModule {
  return {
    contract,
    compile: (hooks) => compile(contract, handlers, hooks),
    ...{ consumers: [], jobs: [], schedules: [], erasers: [] },
    ...rest,
  };
}
