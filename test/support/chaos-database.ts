import { rmSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { layoutOf } from '../../src/infrastructure/embedded-postgres/cluster.ts';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import { findPostmaster } from '../../src/infrastructure/embedded-postgres/postmaster.ts';
import { temporaryFolder } from './postgres.ts';

/** A PostgreSQL server of one's own that can be killed and started again on the same folder and port. */
export class ChaosDatabase {
  /** How often it was killed. */
  kills = 0;
  readonly #folder: string;
  #server: EmbeddedPostgres;
  #processId: number;
  readonly #onExit = (): void => {
    signal(this.#processId, 'SIGQUIT');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  };

  private constructor(folder: string, server: EmbeddedPostgres, processId: number) {
    this.#folder = folder;
    this.#server = server;
    this.#processId = processId;
    process.once('exit', this.#onExit);
  }

  static async start(): Promise<ChaosDatabase> {
    const folder = await temporaryFolder();
    const server = await startEmbeddedPostgres({ dataFolder: folder });
    return new ChaosDatabase(folder, server, await processIdOf(folder));
  }

  get ownerUrl(): string {
    return this.#server.ownerUrl;
  }

  get applicationUrl(): string {
    return this.#server.applicationUrl;
  }

  /** Kills the postmaster and all of its backends at once, as a power cut would. */
  async kill(): Promise<void> {
    const backends = await childrenOf(this.#processId);
    for (const processId of [this.#processId, ...backends]) signal(processId, 'SIGKILL');
    this.kills += 1;
  }

  /** Starts it again; resolves when it has recovered. */
  async restart(): Promise<void> {
    const { applicationUrl } = this.#server;
    // Finds nothing to stop, and gives up the folder.
    await this.#server.stop();
    this.#server = await startEmbeddedPostgres({ dataFolder: this.#folder });
    this.#processId = await processIdOf(this.#folder);
    if (this.#server.applicationUrl !== applicationUrl) throw new Error('The database came back at another address.');
  }

  async close(): Promise<void> {
    process.off('exit', this.#onExit);
    await this.#server.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function processIdOf(folder: string): Promise<number> {
  const postmaster = await findPostmaster(layoutOf(folder));
  if (postmaster === undefined) throw new Error('The database server is not running.');
  return postmaster.processId;
}

/** Elsewhere than on Linux nobody is named: the backends end by themselves when they find the postmaster gone. */
async function childrenOf(processId: number): Promise<readonly number[]> {
  if (process.platform !== 'linux') return [];
  const text = await readFile(`/proc/${processId}/task/${processId}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

function signal(processId: number, name: NodeJS.Signals): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
