import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

const AUTHENTICATED = message('R', Buffer.alloc(4));
const DONE = message('C', Buffer.from('SELECT 0\0'));
const READY = message('Z', Buffer.from('I'));
const LAST_WORDS = message(
  'E',
  Buffer.from('SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'),
);

/** When a connection of a dying database dies: together with being ready, or with its first answer. */
export type Death = 'ready' | 'answered';

/**
 * Speaks so much of PostgreSQL's protocol as to end each connection with its last words in the same packet as what it
 * said before. A process that is busy while the database dies reads them so; of a real server it is a matter of luck.
 */
export async function dyingDatabase(death: Death): Promise<{ readonly url: string; readonly close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('data', () => {
      if (death === 'ready') return socket.end(Buffer.concat([AUTHENTICATED, READY, LAST_WORDS]));
      socket.write(Buffer.concat([AUTHENTICATED, READY]));
      return socket.once('data', () => socket.end(Buffer.concat([DONE, READY, LAST_WORDS])));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `postgres://app@127.0.0.1:${(server.address() as AddressInfo).port}/shop`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
