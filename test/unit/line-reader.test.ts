import { expect } from 'chai';
import fc from 'fast-check';
import { LineReader } from '../../src/infrastructure/postgres/line-reader.ts';

/** The text's bytes in pieces of these lengths, again and again. */
async function* pieces(text: string, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let [at, number] = [0, 0]; at < bytes.length; number += 1) {
    const length = lengths[number % lengths.length] ?? 1;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

const reader = (text: string, lengths: readonly number[] = [1_000]): LineReader =>
  new LineReader(pieces(text, lengths));

async function run(lines: LineReader, end: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of lines.until(end)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error as Error).message,
  );

/** No line feed: that is what ends it. What other readers take for the end of a line is in it. */
const line = fc
  .array(fc.constantFrom('a', '\\', '\\.', '.', '\r', '\u2028', '\u2029', '\u0085', '\t', 'ß', '😀', ''), {
    maxLength: 12,
  })
  .map((parts) => parts.join(''));
const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

describe('a reader of lines', () => {
  it('reads a line each, and a run of lines as it is, whatever the pieces that it gets', async () => {
    const rows = fc.array(line.filter((text) => text !== '\\.'));
    await fc.assert(
      fc.asyncProperty(line, rows, rows, line, lengths, async (head, first, second, tail, sizes) => {
        const texts = [first, second].map((each) => each.map((row) => `${row}\n`).join(''));
        const lines = reader(`${head}\n${texts[0]}\\.\n${texts[1]}\\.\n${tail}\n`, sizes);
        expect(await lines.next()).to.equal(head);
        expect(await run(lines, '\\.')).to.equal(texts[0]);
        expect(await run(lines, '\\.')).to.equal(texts[1]);
        expect(await lines.next()).to.equal(tail);
        expect(await lines.next()).to.equal(undefined);
      }),
    );
  });

  it('says that the text ends too early', async () => {
    expect(await failure(reader('no end').next())).to.equal('the file ends too early');
    for (const text of ['', 'a\n', 'a\n\\.', 'a\n\\', 'a\\.\n']) {
      expect(await failure(run(reader(text, [2]), '\\.')), JSON.stringify(text)).to.equal('the file ends too early');
    }
  });

  it('does not fill the memory with a line that has no end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(100_000, 'a');
    }
    expect(await failure(new LineReader(endless()).next())).to.equal('a line is too long');
  });

  it('passes on what goes wrong with the stream', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a\n');
      throw new Error('unexpected end of file');
    }
    const lines = new LineReader(broken());
    expect(await lines.next()).to.equal('a');
    expect(await failure(lines.next())).to.equal('unexpected end of file');
  });
});
