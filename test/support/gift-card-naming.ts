import { pick, type NamingChoice, type StaffNaming } from './gift-card-commands.ts';
import type { GiftCardModel, ModelNaming } from './gift-card-model.ts';

export const holderOf = (number: number | null): string | undefined =>
  number === null ? undefined : `holder-${number}`;

/** A code that was replaced, of whatever card; as long as none was, the code of the card itself. */
const deadCode = ({ dead, cards }: GiftCardModel, cardId: string, number: number): string | undefined =>
  pick(dead, number) ?? cards.get(cardId)?.code;

/** What whoever pays says of the card. */
export function namingOf(model: GiftCardModel, cardId: string, number: number, choice: NamingChoice): ModelNaming {
  const { code, holder } = model.card(cardId);
  switch (choice.by) {
    case 'right':
      return holder === undefined ? { code } : { card: cardId, holder };
    case 'code':
      return { code, holder: holderOf(choice.holder) };
    case 'dead code':
      return { code: deadCode(model, cardId, number), holder: holderOf(choice.holder) };
    case 'id':
      return { card: cardId, holder: holderOf(choice.holder) };
  }
}

/** What staff says of the card. */
export function staffNamingOf(model: GiftCardModel, cardId: string, number: number, by: StaffNaming): ModelNaming {
  if (by === 'id') return { card: cardId };
  return { code: by === 'code' ? model.card(cardId).code : deadCode(model, cardId, number) };
}
