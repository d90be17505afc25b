import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigurationError, loadConfig } from '../../src/composition/config.ts';
import { developmentPeppers } from '../../src/composition/config-peppers.ts';

describe('Peppers for development', () => {
  let folder = '';

  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'portolan-peppers-')), 'data');
  });

  afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

  it('are generated once and kept in the data folder', async () => {
    const [pepper, ...others] = await developmentPeppers(folder);
    expect(others).to.deep.equal([]);
    expect(pepper?.secret).to.have.length(32);
    expect(await developmentPeppers(folder)).to.deep.equal([pepper]);
    expect(await readdir(folder)).to.deep.equal(['peppers']);
  });

  it('can be read by their owner only', async () => {
    await developmentPeppers(folder);
    expect((await stat(join(folder, 'peppers'))).mode & 0o777).to.equal(0o600);
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
  });

  it('differ from folder to folder, in id and secret', async () => {
    const [one] = await developmentPeppers(folder);
    const [other] = await developmentPeppers(join(folder, 'other'));
    expect(one?.id).to.not.equal(other?.id);
    expect(one?.secret).to.not.deep.equal(other?.secret);
  });

  it('are the same for all who start at once', async () => {
    const [first, ...others] = await Promise.all(Array.from({ length: 20 }, () => developmentPeppers(folder)));
    for (const other of others) expect(other).to.deep.equal(first);
  });

  it('can be moved to the environment as they are', async () => {
    const generated = await developmentPeppers(folder);
    const text = (await readFile(join(folder, 'peppers'), 'utf8')).trim();
    expect(loadConfig({ PEPPERS: text }).peppers).to.deep.equal(generated);
  });

  it('are refused, not replaced, when their file is damaged', async () => {
    await developmentPeppers(folder);
    for (const text of ['', 'generated-1:short', 'nonsense']) {
      await writeFile(join(folder, 'peppers'), text);
      const error = await developmentPeppers(folder).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(await readFile(join(folder, 'peppers'), 'utf8')).to.equal(text);
    }
  });
});
