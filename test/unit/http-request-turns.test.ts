import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'chai';
import { describe, it } from 'mocha';
import { RequestTurns } from '../../src/interfaces/http/request-turns.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turns, and the requests that were begun, by their addresses. */
function open(begin: (url: string) => void = () => undefined) {
  const begun: string[] = [];
  const turns = new RequestTurns(({ url = '' }) => {
    begun.push(url);
    begin(url);
  });
  const add = (url: string, closed = false): void =>
    turns.add({ url } as IncomingMessage, { closed } as ServerResponse);
  return { turns, begun, add };
}

const urls = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `/${index}`);

describe('Turns of requests', () => {
  it('begin them in the order in which they came, sixteen at a time', async () => {
    const { begun, add } = open();
    for (const url of urls(40)) add(url);
    expect(begun).to.deep.equal([]);
    await turn();
    expect(begun).to.deep.equal(urls(16));
    await turn();
    await turn();
    expect(begun).to.deep.equal(urls(40));
  });

  it('begin but one in a turn that brought a connection: others may be waiting behind it', async () => {
    const { turns, begun, add } = open();
    for (const url of urls(20)) add(url);
    for (const count of [1, 2, 3]) {
      turns.connected();
      await turn();
      expect(begun).to.have.length(count);
    }
    await turn();
    await turn();
    expect(begun).to.deep.equal(urls(20));
  });

  it('pass over those whose clients have gone', async () => {
    const { begun, add } = open();
    add('/here');
    add('/gone', true);
    add('/also-here');
    await turn();
    expect(begun).to.deep.equal(['/here', '/also-here']);
  });

  it('go on behind one that throws', async () => {
    const { begun, add } = open((url) => {
      if (url === '/1') throw new Error('Thrown on purpose in a test');
    });
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error));
    for (const url of urls(3)) add(url);
    await turn();
    await turn();
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(thrown).to.have.length(1);
    expect(begun).to.deep.equal(urls(3));
  });
});
