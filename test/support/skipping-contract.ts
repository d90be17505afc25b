import { declareContract, type ContractRunner } from '../../src/contracts/shared/contract-runner.ts';

/** A suite of which the adapter lacks one capability, to be run by the test framework that FRAMEWORK names. */
const framework = (await import(process.env['FRAMEWORK'] ?? 'mocha')) as ContractRunner & {
  readonly beforeAll?: ContractRunner['before'];
  readonly afterAll?: ContractRunner['after'];
};
const { describe, it, before = framework.beforeAll, after = framework.afterAll } = framework as Partial<ContractRunner>;
if (!describe || !it || !before || !after) throw new TypeError('This is no test framework.');

declareContract(
  { describe, it, before, after },
  'an adapter',
  () => Promise.resolve({ close: () => Promise.resolve() }),
  [
    { title: 'keeps this promise', run: () => Promise.resolve() },
    { title: 'never runs this', needs: 'flight', run: () => Promise.reject(new Error('It was run.')) },
  ],
  ['flight'],
);
