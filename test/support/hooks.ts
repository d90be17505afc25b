import type { RootHookObject } from 'mocha';
import { stopTestServers } from './postgres.ts';

// What tests run is this process; programs that they start, and kill, need not write down their coverage.
delete process.env['NODE_V8_COVERAGE'];

/** Root hooks of the test suite, loaded by mocha's `require`. */
export const mochaHooks: RootHookObject = {
  async afterAll() {
    await stopTestServers();
  },
};
