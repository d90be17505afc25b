import { Writable } from 'node:stream';
import { expect } from 'chai';
import { callFields, silentLogger } from '../../src/application/shared/logger.ts';
import { createLogger, logFormatFor } from '../../src/infrastructure/telemetry/winston-logger.ts';
import { logBook } from '../support/log-lines.ts';

describe('Log lines', () => {
  it('are JSON with time, level, message and fields', async () => {
    const { logger, lines } = logBook();
    logger.info('started', { port: 3000, roles: ['a'], nothing: undefined, none: null });
    const [line] = await lines();
    expect(line).to.include({ level: 'info', message: 'started', port: 3000, none: null });
    expect(line).to.not.have.property('nothing');
    expect(line?.['roles']).to.deep.equal(['a']);
    expect(new Date(String(line?.['time'])).toISOString()).to.equal(line?.['time']);
    expect(Object.keys(line ?? {}).slice(0, 3)).to.deep.equal(['time', 'level', 'message']);
  });

  it('keep their order, one line each, whatever is in the message', async () => {
    const { logger, text } = logBook();
    for (let n = 0; n < 1_000; n += 1) logger.info(`line\n${n}\r\n{"level":"error"}`);
    const written = (await text()).trimEnd().split('\n');
    expect(written).to.have.length(1_000);
    expect(written.map((line) => JSON.parse(line).message.split('\n')[1].trim())).to.deep.equal(
      Array.from({ length: 1_000 }, (_, n) => String(n)),
    );
  });

  it('are dropped below the level that was asked for', async () => {
    const { logger, lines } = logBook({ level: 'warn' });
    logger.debug('a');
    logger.info('b');
    logger.warn('c');
    logger.error('d');
    expect((await lines()).map(({ message }) => message)).to.deep.equal(['c', 'd']);
  });

  it('carry the fields of the service and of each child', async () => {
    const { logger, lines } = logBook({ fields: { service: 'portolan' } });
    const child = logger.child({ job: 'a' }).child({ attempt: 2 });
    child.info('one', { attempt: 3 });
    logger.info('two');
    const [one, two] = await lines();
    expect(one).to.include({ service: 'portolan', job: 'a', attempt: 3 });
    expect(two).to.include({ service: 'portolan' }).and.not.have.property('job');
  });

  it('keep their own parts when a field has the same name', async () => {
    const { logger, lines } = logBook();
    logger.warn('real', { message: 'other', level: 'error', time: 'never', ['__proto__']: 1 });
    const [line] = await lines();
    expect(line).to.include({ level: 'warn', message: 'real', message_: 'other', level_: 'error', time_: 'never' });
  });

  it('bear with everything that JSON cannot carry', async () => {
    const { logger, lines } = logBook();
    const cycle: { [name: string]: unknown } = {};
    cycle['self'] = cycle;
    logger.info('odd', {
      big: 12345678901234567890n,
      nan: Number.NaN,
      when: new Date(0),
      never: new Date(Number.NaN),
      bytes: new Uint8Array(3),
      run: () => undefined,
      sign: Symbol('x'),
      cycle,
      map: new Map([['a', 1]]),
    });
    const [line] = await lines();
    expect(line).to.include({
      big: '12345678901234567890',
      nan: 'NaN',
      when: '1970-01-01T00:00:00.000Z',
      never: 'Invalid Date',
      bytes: '[3 bytes]',
      run: '[function]',
      sign: '[symbol]',
    });
  });

  it('are of bounded size', async () => {
    const { logger, text } = logBook();
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`f${n}`, n]));
    logger.info('x'.repeat(100_000), {
      long: 'y'.repeat(100_000),
      list: Array.from({ length: 100_000 }, () => 1),
      many,
    });
    expect((await text()).length).to.be.below(10_000);
  });

  it('are dropped, not thrown, once the log is closed or its reader is gone', async () => {
    const { logger, lines } = logBook();
    logger.info('before');
    await Promise.all([logger.close(), logger.close()]);
    logger.error('after');
    logger.child({}).info('after');
    expect(await lines()).to.have.length(1);

    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const deaf = createLogger({ level: 'info', format: 'json', destination: broken });
    deaf.info('one');
    await new Promise((resolve) => setImmediate(resolve));
    deaf.info('two');
  });

  it('are text for people at a terminal in development, and JSON for everybody else', () => {
    expect(logFormatFor('development', { isTTY: true })).to.equal('text');
    expect(logFormatFor('development', {})).to.equal('json');
    expect(logFormatFor('production', { isTTY: true })).to.equal('json');
  });

  it('show control characters of the text form instead of obeying them', async () => {
    const { logger, text } = logBook({ format: 'text' });
    logger.warn('a\u001b[2Jb\nc', { name: '\u009b1m', error: new Error('first\u001b[0m') });
    const written = await text();
    expect(written).to.include('a\\x1b[2Jb\\x0ac').and.include('\n    at ');
    const colours = written.slice(0, written.indexOf('a\\x1b'));
    expect(written.slice(colours.length)).to.not.match(/[\u001b\u009b]/);
  });

  it('tie the lines about one call to its trace', () => {
    const fields = callFields({
      principal: { id: 'token:1', kind: 'token', tenant: 'default', permissions: new Set() },
      correlationId: 'c-1',
      traceParent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    expect(fields).to.deep.equal({
      correlationId: 'c-1',
      principal: 'token:1',
      tenant: 'default',
      traceId: '0af7651916cd43dd8448eb211c80319c',
    });
  });

  it('can be switched off altogether', () => {
    expect(silentLogger.child({ a: 1 })).to.equal(silentLogger);
    expect(silentLogger.error('nobody hears this')).to.equal(undefined);
  });
});
