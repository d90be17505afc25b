import { connect } from 'node:net';

/**
 * Load generator, run as a child process: sends one request again and again over keep-alive connections and counts the
 * answers. It parses no more than it has to, so that the server is what is measured. In headers and body `{number}`
 * stands for a number that no other request has, `{pick}` for one of `picks`; both have the same length every time.
 */
interface Order {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly headers?: string;
  readonly picks?: readonly string[];
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

/** Makes the next request. */
type Next = () => Buffer | string;

function drive(port: number, next: Next, until: number, onAnswer: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(next()));
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
      if (performance.now() < until) socket.write(next());
      else {
        socket.destroy();
        resolve();
      }
    });
    socket.on('error', reject);
  });
}

/** Numbers of this process begin where those of an earlier run have not been. */
let lastNumber = Date.now() * 1000;

function requests({ port, path, body, headers = '', picks = [] }: Order): Next {
  const text =
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
    `Accept: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(filled(body, picks))}\r\n\r\n${body}`;
  const fixed = Buffer.from(text);
  return text.includes('{number}') || text.includes('{pick}') ? () => filled(text, picks) : () => fixed;
}

function filled(text: string, picks: readonly string[]): string {
  lastNumber += 1;
  const pick = picks[Math.floor(Math.random() * picks.length)] ?? '';
  return text.replaceAll('{number}', String(lastNumber)).replaceAll('{pick}', pick);
}

async function run(order: Order): Promise<LoadResult> {
  const { port, connections, milliseconds } = order;
  const next = requests(order);
  let answers = 0;
  const began = performance.now();
  const before = process.cpuUsage();
  const until = began + milliseconds;
  await Promise.all(Array.from({ length: connections }, () => drive(port, next, until, () => answers++)));
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
