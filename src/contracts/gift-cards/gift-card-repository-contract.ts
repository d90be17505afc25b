import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import { codeCases } from './code-cases.ts';
import { concurrencyCases } from './concurrency-cases.ts';
import type { GiftCardCapability, GiftCardSite } from './gift-card-site.ts';
import { keyCases } from './key-cases.ts';
import { receiptCases } from './receipt-cases.ts';
import { recordCases } from './record-cases.ts';
import { updateCases } from './update-cases.ts';

const CASES = [...updateCases, ...receiptCases, ...concurrencyCases, ...keyCases, ...recordCases, ...codeCases];

/** Everything that a `GiftCardRepository` promises, as tests of one adapter, called `name`. */
export function giftCardRepositoryContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<GiftCardSite>,
  lacks: readonly GiftCardCapability[] = [],
): void {
  declareContract(runner, `The gift card repository of ${name}`, open, CASES, lacks);
}
