import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import { queryCases } from './api-token-query-cases.ts';
import type { ApiTokenSite } from './api-token-scenario.ts';
import { updateCases } from './api-token-update-cases.ts';

/** Everything that an `ApiTokenRepository` promises, as tests of one adapter. */
export function apiTokenRepositoryContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<ApiTokenSite>,
  lacks: readonly 'transaction'[] = [],
): void {
  declareContract(runner, `The API tokens of ${name}`, open, [...updateCases, ...queryCases], lacks);
}
