import type { RootHookObject } from 'mocha';
import { stopTestServers } from './postgres.ts';

/** Root hooks of the test suite, loaded by mocha's `require`. */
export const mochaHooks: RootHookObject = {
  async afterAll() {
    await stopTestServers();
  },
};
