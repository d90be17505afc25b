import { connect } from 'node:net';

/**
 * Load generator, run as a child process: sends one fixed request again and again over keep-alive connections and
 * counts the answers. It parses no more than it has to, so that the server is what is measured.
 */
interface Order {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly connections: number;
  readonly milliseconds: number;
}

export interface LoadResult {
  readonly answers: number;
  readonly seconds: number;
  /** Share of one processor that the generator itself took. */
  readonly processorShare: number;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');

function drive(port: number, request: Buffer, until: number, onAnswer: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.setNoDelay(true);
    let pending: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const headEnd = pending.indexOf(END_OF_HEAD);
      if (headEnd < 0) return;
      const head = pending.toString('latin1', 0, headEnd);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
      if (!head.startsWith('HTTP/1.1 200') || Number.isNaN(length)) {
        socket.destroy();
        reject(new Error(`unexpected answer: ${head}`));
        return;
      }
      if (pending.length < headEnd + 4 + length) return;
      pending = pending.subarray(headEnd + 4 + length);
      onAnswer();
      if (performance.now() < until) socket.write(request);
      else {
        socket.destroy();
        resolve();
      }
    });
    socket.on('error', reject);
  });
}

async function run({ port, path, body, connections, milliseconds }: Order): Promise<LoadResult> {
  const request = Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Accept: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  let answers = 0;
  const began = performance.now();
  const before = process.cpuUsage();
  const until = began + milliseconds;
  await Promise.all(Array.from({ length: connections }, () => drive(port, request, until, () => answers++)));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { answers, seconds, processorShare: (user + system) / 1e6 / seconds };
}

process.on('message', (order: Order) => {
  void run(order).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
