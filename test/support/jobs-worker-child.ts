/**
 * A process with a job queue and one worker, for tests that kill it or let it sleep. Arguments: address of the
 * database, job type. Prints one line for each thing that happens. Its handler never ends by itself; told to go on
 * (SIGUSR2), it tries to write what it no longer may.
 */
import pg from 'pg';
import type { JobContext } from '../../src/application/shared/job-queue.ts';
import { postgresJobQueue } from '../../src/infrastructure/jobs/postgres-job-queue.ts';

const [connectionString = '', type = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: 4 });
pool.on('error', () => undefined);
const queue = postgresJobQueue({ pool, onFault: (error) => console.log(`fault ${String(error)}`) });

async function handler(_job: unknown, context: JobContext): Promise<string> {
  const goOn = new Promise((resolve) => process.once('SIGUSR2', resolve));
  await context.checkpoint('from the child');
  console.log('started');
  await goOn;
  for (const write of [() => context.progress(99), () => context.checkpoint('from a ghost')]) {
    await write().then(
      () => console.log('written'),
      (error: Error) => console.log(`refused ${error.name}`),
    );
  }
  return 'from a ghost';
}

queue.work([{ type, handler }], {
  onEvent: (event) => {
    if (event.kind === 'ended') console.log(`ended ${event.outcome}`);
  },
});
