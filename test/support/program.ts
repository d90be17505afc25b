import { fileURLToPath } from 'node:url';

/** The program as users run it: the command line, and with `serve` the server. */
export const PROGRAM = fileURLToPath(new URL('../../bin/portolan.js', import.meta.url));

/** The arguments of Node that make it the server that `npm start` runs. */
export const SERVER: readonly string[] = [PROGRAM, 'serve'];
