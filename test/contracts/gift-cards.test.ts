import { after, before, describe, it } from 'mocha';
import { bulkIssuerContract } from '../../src/contracts/gift-cards/bulk-issuer-contract.ts';
import { giftCardReaderContract } from '../../src/contracts/gift-cards/gift-card-reader-contract.ts';
import { giftCardRepositoryContract } from '../../src/contracts/gift-cards/gift-card-repository-contract.ts';
import type { GiftCardCapability, GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { orderMarksContract } from '../../src/contracts/gift-cards/order-marks-contract.ts';
import { recipientEraserContract } from '../../src/contracts/gift-cards/recipient-eraser-contract.ts';
import { memoryGiftCardSite } from '../support/gift-card-site.ts';
import { postgresGiftCardSite } from '../support/postgres-gift-card-site.ts';

interface Adapter {
  readonly name: string;
  readonly open: () => Promise<GiftCardSite>;
  readonly lacks?: readonly GiftCardCapability[];
}

const adapters: readonly Adapter[] = [
  { name: 'memory', open: async () => memoryGiftCardSite(), lacks: ['transaction'] },
  { name: 'PostgreSQL', open: postgresGiftCardSite },
];

const suites = [
  ...[giftCardRepositoryContract, giftCardReaderContract, bulkIssuerContract],
  ...[recipientEraserContract, orderMarksContract],
];

for (const { name, open, lacks } of adapters) {
  for (const suite of suites) suite({ describe, it, before, after }, name, open, lacks);
}
