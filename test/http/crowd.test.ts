import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { AnsweredRequest } from '../../src/application/shared/metrics.ts';
import { HttpServer } from '../../src/interfaces/http/http-server.ts';

import { closeDemoApis, rawExchange, startDemoApi } from '../support/demo-api.ts';

const CROWD = fileURLToPath(new URL('../support/crowd-child.ts', import.meta.url));
const CLIENTS = 500;
const WORK_MS = 1;
const SENDING_MS = 8_000;

/** What a request costs the server's processor. */
function work(): void {
  for (const until = performance.now() + WORK_MS; performance.now() < until;);
}

describe('clients that come back all at once, say after a restart', () => {
  afterEach(closeDemoApis);

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

  it('are measured from when they came, and so is their deadline', async () => {
    const answered: AnsweredRequest[] = [];
    const workMs = 20;
    const api = await startDemoApi({
      handlers: {
        echo: async (data) => {
          for (const until = performance.now() + workMs; performance.now() < until;);
          return { data };
        },
      },
      api: { answered: (request) => answered.push(request), deadlineMs: 15 * workMs },
    });
    const body = JSON.stringify({ id: 'a', amount: '1' });
    const head = `POST /v1/parcels/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    // All in one packet: sixteen are begun at once, and the last is not when its time is over.
    const last = `${head}Connection: close\r\n\r\n${body}`;
    const answers = await rawExchange(api.port, `${head}\r\n${body}`.repeat(19) + last);
    expect(answers).to.match(/request\.deadline_exceeded/);
    const durations = answered.map(({ durationMs }) => durationMs);
    expect(durations).to.have.length(20);
    expect(durations.at(-1)).to.be.at.least(15 * workMs);
  });
});
