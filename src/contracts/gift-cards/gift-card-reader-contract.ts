import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import type { GiftCardCapability, GiftCardSite } from './gift-card-site.ts';
import { listCases } from './list-cases.ts';
import { reportCases } from './report-cases.ts';

/** Everything that a `GiftCardReader` promises, as tests of one adapter, called `name`. */
export function giftCardReaderContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<GiftCardSite>,
  lacks: readonly GiftCardCapability[] = [],
): void {
  declareContract(runner, `The gift card reader of ${name}`, open, [...listCases, ...reportCases], lacks);
}
