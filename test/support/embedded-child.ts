/**
 * A process that runs the embedded PostgreSQL, for tests that kill it. Arguments: data folder, settings as JSON.
 * Prints one line of JSON when it is ready or has been refused; stops the server on SIGTERM; ignores SIGINT, as a
 * server does that drains first.
 */
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.ts';

const [dataFolder = '', settings = '{}'] = process.argv.slice(2);
const startedAt = performance.now();
process.on('SIGINT', () => undefined);
try {
  const server = await startEmbeddedPostgres({ dataFolder, settings: JSON.parse(settings) as Record<string, string> });
  process.on('SIGTERM', () => void server.stop());
  const { ownerUrl, applicationUrl } = server;
  console.log(JSON.stringify({ ownerUrl, applicationUrl, readyMs: performance.now() - startedAt }));
} catch (error) {
  console.log(JSON.stringify({ refusal: String(error) }));
}
