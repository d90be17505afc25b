import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { runCli } from '../../src/interfaces/cli/program.ts';
import { Cancelled, SecretReader } from '../../src/interfaces/cli/terminal.ts';
import { giftCards } from '../../src/application/gift-cards/index.ts';
import { fakeTerminal, type FakeTerminal } from '../support/fake-terminal.ts';

describe('the prompt for a secret', () => {
  let terminal: FakeTerminal;
  let reader: SecretReader;

  beforeEach(() => {
    terminal = fakeTerminal({ tty: true });
    reader = new SecretReader(terminal);
  });

  /** Types one piece after another, as a terminal sends them. */
  async function typed(name: string, ...pieces: readonly string[]): Promise<string> {
    const secret = reader.read(name);
    for (const piece of pieces) {
      await setImmediate();
      terminal.stdin.write(piece);
    }
    return secret;
  }

  it('shows its name and nothing that is typed', async () => {
    expect(await typed('code', 'GIFT', '-00', '00\r')).to.equal('GIFT-0000');
    expect(terminal.shown).to.deep.equal({ stdout: '', stderr: 'code: \n' });
    expect(terminal.rawModes).to.deep.equal([true, false]);
  });

  it('can be followed by another', async () => {
    expect(await typed('fromCode', 'ONE\r')).to.equal('ONE');
    expect(await typed('toCode', 'TWO\n')).to.equal('TWO');
    expect(terminal.shown.stderr).to.equal('fromCode: \ntoCode: \n');
  });

  it('keeps for the next one what was pasted beyond the line', async () => {
    expect(await typed('fromCode', 'ONE\r\nTWO\r\nTHR')).to.equal('ONE');
    expect(await reader.read('toCode')).to.equal('TWO');
    expect(await typed('third', 'EE\r')).to.equal('THREE');
  });

  it('can be corrected', async () => {
    expect(await typed('code', 'wrong\u0015rigth\u007f\b', 'ht\r')).to.equal('right');
    expect(await typed('code', 'a😀\u007fb\r')).to.equal('ab');
  });

  it('ignores arrows and the marks around what is pasted', async () => {
    expect(await typed('code', '\u001b[200~GIFT\u001b[201~\u001b[D\u001b[1;5C-1\r')).to.equal('GIFT-1');
  });

  it('ends with the input', async () => {
    expect(await typed('code', 'GIFT\u0004')).to.equal('GIFT');
    terminal.stdin.end();
    expect(await reader.read('code')).to.equal('');
  });

  it('can be left with Ctrl-C, and the terminal is as before', async () => {
    const error = await typed('code', 'GI\u0003').catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Cancelled);
    expect(terminal.rawModes).to.deep.equal([true, false]);
  });

  it('ends the program with 130 and without a word when it is left', async () => {
    const none = (): never => expect.fail('Nothing was to be done');
    const actions = { serve: none, migrate: none, backup: none, restore: none, connect: none, newKey: none };
    const running = runCli(
      ['gift-cards', 'check-balance'],
      { ...actions, version: '', contracts: [giftCards] },
      terminal,
    );
    terminal.stdin.write('\u0003');
    expect(await running).to.equal(130);
    expect(terminal.shown).to.deep.equal({ stdout: '', stderr: 'code: \n' });
  });
});
