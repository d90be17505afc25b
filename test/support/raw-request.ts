import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A request whose parts are sent when the test says so, on a connection of its own. */
export class RawRequest {
  readonly #socket: Socket;
  #received = '';
  readonly #closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => (this.#received += text));
    // A reset is one of the ways in which a server ends a connection.
    socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async open(port: number): Promise<RawRequest> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawRequest(socket);
  }

  async send(text: string): Promise<void> {
    await new Promise((resolve) => this.#socket.write(text, resolve));
  }

  /** Resolves when the first of the answer is there. */
  async begun(): Promise<void> {
    if (this.#received === '') await once(this.#socket, 'data');
  }

  /** Everything that came until the server closed the connection. */
  async answer(): Promise<string> {
    await this.#closed;
    return this.#received;
  }

  /** Stops reading, so that the server cannot go on sending for long. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
