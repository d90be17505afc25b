#!/usr/bin/env node
import { adminTokenIfThere } from './composition/secrets.ts';
import { APPLICATION_CONTRACTS } from './composition/container.ts';
import { loadConfig, type Config } from './composition/config.ts';
import { withOwnerUrl } from './composition/open-database.ts';
import { VERSION } from './composition/version.ts';
import { backup, restore } from './infrastructure/postgres/backup.ts';
import { migrate } from './infrastructure/postgres/migrate.ts';
import { runCli } from './interfaces/cli/program.ts';
import { httpClient } from './interfaces/http/http-client.ts';
import { serve } from './server.ts';

/** The token for the server: from the environment, or else the one generated in the data folder. */
async function tokenOf(config: Config): Promise<string | undefined> {
  return process.env['API_TOKEN'] ?? (await adminTokenIfThere(config.dataFolder));
}

const config = (): Config => loadConfig(process.env);

process.exit(
  await runCli(
    process.argv.slice(2),
    {
      version: VERSION,
      contracts: APPLICATION_CONTRACTS,
      async connect(url) {
        const token = await tokenOf(config());
        const baseUrl = url ?? process.env['API_URL'] ?? `http://127.0.0.1:${config().port}`;
        return httpClient(APPLICATION_CONTRACTS, { baseUrl, ...(token !== undefined && { token }) });
      },
      serve,
      migrate: () => withOwnerUrl(config(), async (url) => ({ applied: await migrate(url) })),
      backup: (file) => withOwnerUrl(config(), (url) => backup(url, file)),
      restore: (file) =>
        withOwnerUrl(config(), async (url) => {
          await migrate(url);
          return restore(url, file);
        }),
    },
    process,
  ),
);
