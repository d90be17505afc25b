import { generateCode, type GiftCardCode } from '../../domain/gift-cards/code.ts';
import type { GiftCardPorts } from './ports.ts';

/** How a card remembers its code. */
export interface CodeOnCard {
  readonly codeIndex: string;
  readonly pepperId: string;
  readonly prefix: string;
  readonly lastFour: string;
}

/** A new code in the format of the policy, and what its card remembers of it. Throws `UnsupportedCodeFormat`. */
export function newCode(
  { randomBytes, vault, policy }: Pick<GiftCardPorts, 'randomBytes' | 'vault' | 'policy'>,
  prefix: string = policy.codeFormat.prefix,
): { readonly code: GiftCardCode; readonly onCard: CodeOnCard } {
  const code = generateCode(randomBytes, { ...policy.codeFormat, prefix });
  const [codeIndex = ''] = vault.keysOf(code.body);
  return { code, onCard: { codeIndex, pepperId: vault.newestPepperId, prefix, lastFour: code.lastFour } };
}
