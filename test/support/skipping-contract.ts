import { declareContract, type ContractRunner } from '../../src/contracts/shared/contract-runner.ts';

/** A suite of which the adapter lacks one capability, to be run by the test framework that FRAMEWORK names. */
const runner = (await import(process.env['FRAMEWORK'] ?? 'mocha')) as ContractRunner;

declareContract(
  runner,
  'an adapter',
  () => Promise.resolve({ close: () => Promise.resolve() }),
  [
    { title: 'keeps this promise', run: () => Promise.resolve() },
    { title: 'never runs this', needs: 'flight', run: () => Promise.reject(new Error('It was run.')) },
  ],
  ['flight'],
);
