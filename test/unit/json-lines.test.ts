import { inspect } from 'node:util';
import { expect } from 'chai';
import { ServiceUnavailable } from '../../src/application/shared/errors.ts';
import { jsonLines } from '../../src/interfaces/http/json-lines.ts';
import { RemoteFailure } from '../../src/interfaces/http/remote-failure.ts';

async function read(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of jsonLines(chunks)) items.push(item);
  return items;
}
async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
}

describe('JSON lines', () => {
  it('are the same however their bytes are cut into chunks', async () => {
    const bytes = Buffer.from('{"a":"é😀"}\n[1]\n"x"\n');
    for (let size = 1; size <= bytes.length; size++) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect(await read(chunks)).to.deep.equal([{ a: 'é😀' }, [1], 'x']);
    }
  });

  it('that end in the middle of a line are not taken for complete', async () => {
    expect(await failure(read([Buffer.from('1\n{"a"')]))).to.be.instanceOf(ServiceUnavailable);
    expect(await failure(read([Buffer.from('1\n'), Buffer.from([0xc3])]))).to.be.instanceOf(ServiceUnavailable);
  });

  it('that are no JSON are a failure of the server, which does not quote them', async () => {
    for (const line of ['GIFT-0000-0000', '{"code":"GIFT-0000-0000"', '', '{"code":GIFT}']) {
      const error = await failure(read([Buffer.from(`1\n${line}\n2\n`)]));
      expect(error).to.be.instanceOf(RemoteFailure).with.property('status', 200);
      expect(inspect(error), line).not.to.include('GIFT');
    }
  });

  it('yield what came before the connection broke, then say so with the cause', async () => {
    const cause = new Error('reset');
    const seen: unknown[] = [];
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('1\n2\n');
      throw cause;
    };
    const error = await failure(
      (async () => {
        for await (const item of jsonLines(broken())) seen.push(item);
      })(),
    );
    expect(seen).to.deep.equal([1, 2]);
    expect(error).to.be.instanceOf(ServiceUnavailable).with.property('cause', cause);
  });
});
