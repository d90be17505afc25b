import { spawn, type ChildProcess } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { layoutOf } from '../../src/infrastructure/embedded-postgres/cluster.ts';
import { findPostmaster, stopPostmaster } from '../../src/infrastructure/embedded-postgres/postmaster.ts';
import { SERVER } from './program.ts';

const readyWithinMs = 60_000;
const pollMs = 5;

/** A line of the server's log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** How a server ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The server as users run it: a process of its own, leader of its own process group, with nothing set but this. */
export class ServerProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Whether it greets a newcomer, which it does right after it says that it listens. */
  readonly #greets: boolean;
  #stdout = '';
  #stderr = '';
  readonly #onExit = (): void => void this.child.kill('SIGKILL');

  readonly #givenToken: string | undefined;

  /**
   * Where no administrator's token is given the server makes its own, and greets with it. `command`: the program with
   * its arguments; what `npm start` runs if left out.
   */
  constructor(
    environment: NodeJS.ProcessEnv,
    adminToken?: string,
    [program, ...args]: readonly [string, ...string[]] = [process.execPath, ...SERVER],
  ) {
    this.#greets = environment['DATABASE_URL'] === undefined && adminToken === undefined;
    this.#givenToken = adminToken;
    const token = adminToken === undefined ? {} : { ADMIN_TOKEN_SHA256: hash('sha256', adminToken, 'hex') };
    const env = { PATH: process.env['PATH'], PORT: '0', ...token, ...environment };
    this.child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      process.off('exit', this.#onExit);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
    process.once('exit', this.#onExit);
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** What it wrote to standard output that is JSON. */
  get log(): readonly LogLine[] {
    const lines = this.#stdout.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** Where it listens; throws before it has said so. */
  get url(): string {
    const url = this.log.find(({ message }) => message === 'listening')?.['url'];
    if (typeof url !== 'string') throw new Error(`The server does not listen: ${this.#stdout}${this.#stderr}`);
    return url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The administrator's token: the given one, or the one that is printed. */
  get adminToken(): string {
    return this.#givenToken ?? /^Admin token: +(\S+)/m.exec(this.#stdout)?.[1] ?? '';
  }

  /** Resolves when it says that it listens. */
  async ready(): Promise<this> {
    await this.says('listening');
    if (this.#greets) await this.#until(() => this.#stdout.endsWith('echo\n\n'), 'the greeting');
    return this;
  }

  /** Resolves when there is a line of the log with this message. */
  async says(message: string): Promise<void> {
    await this.#until(() => this.log.some((line) => line.message === message), message);
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + readyWithinMs;
    while (!holds()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null || Date.now() > deadline) {
        throw new Error(`The server never said "${what}": ${this.#stdout}${this.#stderr}`);
      }
      await delay(pollMs);
    }
  }

  /** Sends a signal; resolves to how the server ended. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }

  /** As the terminal does it on Ctrl-C: to the server and to everything in its process group. */
  interruptGroup(): void {
    process.kill(-(this.child.pid ?? 0), 'SIGINT');
  }

  /** Calls an operation as the administrator. */
  post(operation: string, body: object, key: string = crypto.randomUUID()): Promise<Response> {
    return fetch(`${this.url}/v1/${operation}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': key,
        authorization: `Bearer ${this.adminToken}`,
      },
      body: JSON.stringify(body),
    });
  }

  /** The same, for a call that has to succeed; resolves to its data. */
  async call<T>(operation: string, body: object, key?: string): Promise<T> {
    const response = await this.post(operation, body, key);
    const envelope = (await response.json()) as { readonly data: T; readonly error?: unknown };
    if (!response.ok) throw new Error(`${operation} failed: ${JSON.stringify(envelope.error)}`);
    return envelope.data;
  }
}

/** Whether a database server is running in a data folder. */
export async function databaseRuns(dataFolder: string): Promise<boolean> {
  return (await findPostmaster(layoutOf(dataFolder))) !== undefined;
}

/** Stops the database that a killed server has left in a data folder. */
export function stopDatabase(dataFolder: string): Promise<void> {
  return stopPostmaster(layoutOf(dataFolder));
}
