import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SERVER } from './program.ts';

/** The administrator's token of every server here. */
export const ADMIN_TOKEN = randomBytes(24).toString('base64url');

const readyWithinMs = 60_000;
const pollMs = 25;
const READY = 'ready';

export interface ChaosServerOptions {
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  /** Added to the environment, such as `REQUEST_TIMEOUT_MS`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const secrets = {
  PEPPERS: `chaos:${randomBytes(32).toString('base64')}`,
  ADMIN_TOKEN_SHA256: createHash('sha256').update(ADMIN_TOKEN).digest('hex'),
};

/** The server as users run it, in a process of its own, at a fixed port: it can be killed and started again. */
export class ChaosServer {
  readonly url: string;
  /** How often it was killed. */
  kills = 0;
  readonly #environment: NodeJS.ProcessEnv;
  /** Rejects, with the last that it said, when it ends without having been told to. */
  readonly died: Promise<never>;
  readonly #die: (error: Error) => void;
  #child: ChildProcess | undefined;
  #isEnding = false;
  /** The last of what it said, for when it dies of itself. */
  #words = '';
  readonly #onExit = (): void => void this.#child?.kill('SIGKILL');

  private constructor(port: number, { ownerUrl, applicationUrl, settings = {} }: ChaosServerOptions) {
    this.url = `http://127.0.0.1:${port}`;
    const death = Promise.withResolvers<never>();
    // Whoever waits for it is told; nobody has to.
    death.promise.catch(() => undefined);
    [this.died, this.#die] = [death.promise, death.reject];
    this.#environment = {
      ...{ PATH: process.env['PATH'], NODE_ENV: 'test', LOG_LEVEL: 'error', HOST: '127.0.0.1', PORT: `${port}` },
      ...{ DATABASE_URL: applicationUrl, DATABASE_OWNER_URL: ownerUrl, DATABASE_POOL_MAX: '30' },
      ...{ RATE_LIMIT_PER_MINUTE: '0', GUESS_LIMIT_PER_MINUTE: '1000000' },
      ...{ GUESS_LIMIT_TOTAL_PER_MINUTE: '10000000' },
      ...secrets,
      ...settings,
    };
    process.once('exit', this.#onExit);
  }

  /** Starts a server on a free port and waits until it is ready. */
  static async start(options: ChaosServerOptions): Promise<ChaosServer> {
    const server = new ChaosServer(await freePort(), options);
    await server.start();
    return server;
  }

  /** Resolves when `/readyz` says so. */
  async start(): Promise<void> {
    this.#words = '';
    const child = spawn(process.execPath, [...SERVER], { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => (this.#words = (this.#words + text).slice(-4_000)));
    }
    this.#child = child;
    this.#isEnding = false;
    child.once('exit', (code, signal) => {
      if (!this.#isEnding) this.#die(new Error(`The server ended by itself (${code ?? signal}): ${this.#words}`));
    });
    const deadline = Date.now() + readyWithinMs;
    for (let probe = await this.#probe(); probe !== READY; probe = await this.#probe()) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        const end = child.exitCode ?? child.signalCode ?? 'still running';
        throw new Error(`The server did not become ready (${end}; asked, it said: ${probe}): ${this.#words}`);
      }
      await delay(pollMs);
    }
  }

  /** Ends it as a crash would: at once, in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`The server had died: ${this.#words}`);
    this.kills += 1;
    this.#isEnding = true;
    child.kill('SIGKILL');
    await once(child, 'exit');
    this.#child = undefined;
  }

  /** Asks it to stop; resolves to its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    process.off('exit', this.#onExit);
    if (child === undefined) return 0;
    this.#isEnding = true;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    this.#child = undefined;
    return child.exitCode;
  }

  /** `READY`, or what is said instead. */
  async #probe(): Promise<string> {
    try {
      const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(5_000) });
      const body = await answer.text();
      return answer.ok ? READY : body;
    } catch (error) {
      // Nobody listens yet, or whoever listens is busy: asked again until the deadline.
      return error instanceof Error ? `${error.message} (${String(error.cause)})` : String(error);
    }
  }
}

/** A TCP port that is free at this moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
