import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** When a connection is cut: before the commit reaches the server, as it does, or when its answer is on the way. */
export type CutAt = 'before the commit' | 'during the commit' | 'after the commit';

/** As the text of a statement ends; `READ COMMITTED` doesn't match. */
const COMMIT = 'COMMIT\0';

/** Stands between a program and its database, and breaks the connections between them in chosen moments. */
export class ChaosProxy {
  /** The address of the database by way of this proxy. */
  readonly url: string;
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #cuts: CutAt[] = [];
  #isHanging = false;

  private constructor(server: Server, databaseUrl: string) {
    const url = new URL(databaseUrl);
    this.#server = server;
    this.#target = { host: url.hostname, port: Number(url.port || 5432) };
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as AddressInfo).port);
    url.searchParams.set('sslmode', 'disable');
    this.url = url.href;
    server.on('connection', (client) => this.#connect(client));
  }

  static async start(databaseUrl: string): Promise<ChaosProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ChaosProxy(server, databaseUrl);
  }

  /** Cuts the connections of the next commits, each at its moment. */
  cutCommits(...cuts: readonly CutAt[]): void {
    this.#cuts = [...cuts];
  }

  /** How many of the cuts have not come to pass. */
  get cutsLeft(): number {
    return this.#cuts.length;
  }

  /** From now on nothing gets through, though every connection stays. */
  hang(): void {
    this.#isHanging = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Cuts all connections; new ones pass. */
  recover(): void {
    this.#isHanging = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts all connections and takes no more: connecting is refused. */
  async close(): Promise<void> {
    this.recover();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connect(client: Socket): void {
    const server = connect(this.#target);
    const cut = (): void => {
      client.resetAndDestroy();
      server.destroy();
    };
    /** Set when the answer to a commit is to be kept from the client. */
    let withheld: string | undefined;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      // prettier-ignore
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      if (this.#isHanging) socket.pause();
    }
    client.on('data', (data) => {
      const at = data.includes(COMMIT) ? this.#cuts.shift() : undefined;
      if (at === 'before the commit') return cut();
      if (at === 'after the commit') withheld = '';
      server.write(data, () => at === 'during the commit' && cut());
    });
    server.on('data', (data) => {
      if (withheld === undefined) return void client.write(data);
      withheld += data.toString('latin1');
      if (withheld.includes(COMMIT)) cut();
    });
  }
}
