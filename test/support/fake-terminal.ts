import { PassThrough } from 'node:stream';
import type { Terminal } from '../../src/interfaces/cli/terminal.ts';

/** Streams of a program that a test writes to and reads from. */
export interface FakeTerminal extends Terminal {
  readonly stdin: PassThrough & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly shown: { stdout: string; stderr: string };
  /** The modes that the terminal was put into: true where it echoes nothing. */
  readonly rawModes: readonly boolean[];
}

/** Standard input is a terminal where `tty` says so, else it is `input`. */
export function fakeTerminal({ input, tty = false }: { input?: string; tty?: boolean } = {}): FakeTerminal {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const shown = { stdout: '', stderr: '' };
  stdout.setEncoding('utf8').on('data', (text: string) => (shown.stdout += text));
  stderr.setEncoding('utf8').on('data', (text: string) => (shown.stderr += text));
  const rawModes: boolean[] = [];
  if (input !== undefined) stdin.end(input);
  const terminal = tty ? { isTTY: true, setRawMode: (raw: boolean) => rawModes.push(raw) } : {};
  return { stdin: Object.assign(stdin, terminal), stdout, stderr, shown, rawModes };
}
