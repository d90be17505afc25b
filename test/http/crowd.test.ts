import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { HttpServer } from '../../src/interfaces/http/http-server.ts';

const CROWD = fileURLToPath(new URL('../support/crowd-child.ts', import.meta.url));
const CLIENTS = 500;
const WORK_MS = 1;
const SENDING_MS = 8_000;

/** What a request costs the server's processor. */
function work(): void {
  for (const until = performance.now() + WORK_MS; performance.now() < until;);
}

describe('clients that come back all at once, say after a restart', () => {
  it('are all served soon, though those that come first keep the server busy', async () => {
    const server = new HttpServer((_request, response) => {
      work();
      response.end('done');
    });
    const { port } = await server.listen(0, '127.0.0.1');
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [CROWD, port, CLIENTS, SENDING_MS].map(String));
      const firstAnswersMs = JSON.parse(stdout) as number[];
      expect(firstAnswersMs).to.have.length(CLIENTS);
      // One round of all of them takes half a second. Served in the order of arrival alone, most would wait to the end.
      expect(Math.max(...firstAnswersMs)).to.be.below(SENDING_MS / 2);
    } finally {
      await server.close(0);
    }
  });
});
