/**
 * Clients of a server, as many as the second argument says, which all come at once and each send one request after
 * another for so many milliseconds. Prints how long each waited for its first answer, as JSON.
 */
import { connect } from 'node:net';

const [port = 0, clients = 0, milliseconds = 0] = process.argv.slice(2).map(Number);
const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const startedAt = performance.now();
const firstAnswersMs: number[] = [];

const client = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST));
    let answers = 0;
    socket.on('data', () => {
      const nowMs = performance.now() - startedAt;
      if ((answers += 1) === 1) firstAnswersMs.push(Math.round(nowMs));
      if (nowMs < milliseconds) socket.write(REQUEST);
      else socket.destroy();
    });
    socket.on('close', () => resolve());
    socket.on('error', reject);
  });

await Promise.all(Array.from({ length: clients }, client));
process.stdout.write(JSON.stringify(firstAnswersMs));
