import { fileURLToPath } from 'node:url';

/** Runs the one file that is no test by its name. */
export default {
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['skipping-contract.ts'],
    reporters: ['tap-flat'],
  },
};
