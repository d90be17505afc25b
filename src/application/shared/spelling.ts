import type { ContextContract } from './contract.ts';

/** All the ways in which one operation is written, derived from context and verb. */
export interface Spelling {
  /** `GiftCard.redeem`: clients, metrics, spans, logs, receipts. */
  readonly word: string;
  /** `gift-cards:redeem`: permissions, and the CLI's `gift-cards redeem`. */
  readonly permission: string;
  /** `redeem`, `check-balance`. */
  readonly verb: string;
  /** `/v1/gift-cards/redeem`. */
  readonly path: string;
}

export const kebab = (camel: string): string => camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The table of spellings: nothing else derives a name from a contract. */
export function spell(contract: Pick<ContextContract, 'name' | 'noun'>, verb: string): Spelling {
  const kebabVerb = kebab(verb);
  return {
    word: `${contract.noun}.${verb}`,
    permission: `${contract.name}:${kebabVerb}`,
    verb: kebabVerb,
    path: `/v1/${contract.name}/${kebabVerb}`,
  };
}
