import { parseCode, type GiftCardCode } from '../../domain/gift-cards/code.ts';
import { CardNotFound, InvalidCode } from '../../domain/gift-cards/errors.ts';
import type { CodeKeys, GiftCardBook } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import { STAND_IN } from '../../domain/gift-cards/stand-in.ts';
import { DomainError } from '../../domain/shared/domain-error.ts';
import { subjectOf, type Call } from '../shared/call.ts';
import type { GiftCardPorts } from './ports.ts';
import { isTelling, lookUpByStaff } from './refusals.ts';

type LookupPorts = Pick<GiftCardPorts, 'vault' | 'policy'>;

/** A card as a caller names it: by id, or else by code. */
export interface CardReference {
  readonly cardId?: string | undefined;
  readonly code?: string | undefined;
}

/** How a command comes to the card that it concerns. */
export interface CardLookup {
  /** Keys that load it. */
  readonly keys: { readonly cardIds: readonly string[]; readonly codes: readonly CodeKeys[] };
  /** The card; throws `CardNotFound` or `InvalidCode`. One that was found by an old pepper is moved to the newest. */
  in(book: GiftCardBook): GiftCard;
  /**
   * Decides about the card. Where nobody has the code a stand-in is judged, so that the refusal of an unknown code takes
   * the same work as any other; it is an `InvalidCode`, unless the order alone is reason enough.
   */
  judge<Decision>(book: GiftCardBook, decide: (card: GiftCard) => Decision): Decision;
}

/** Throws `InvalidCode` for text that can't be a code, before anything is asked of the database. */
export function readCode({ policy }: LookupPorts, text: string): GiftCardCode {
  const code = parseCode(text, policy.codeLengths);
  if (code === undefined) throw new InvalidCode('This is not a gift card code.');
  return code;
}

/** Prepares a command's look-up. Throws `InvalidCode` for text that can't be a code. */
export function lookUp(ports: LookupPorts, reference: CardReference): CardLookup {
  const by = readReference(ports, reference);
  if ('cardId' in by) {
    const find = (book: GiftCardBook): GiftCard => cardById(book, by.cardId);
    return { keys: { cardIds: [by.cardId], codes: [] }, in: find, judge: (book, decide) => decide(find(book)) };
  }
  const find = (book: GiftCardBook): GiftCard | undefined => cardByCode(book, by.code, ports.vault.newestPepperId);
  return {
    keys: { cardIds: [], codes: [by.code] },
    in: (book) => find(book) ?? refuseCode(),
    judge(book, decide) {
      const card = find(book);
      return card === undefined ? refuseLikeACard(decide) : decide(card);
    },
  };
}

function refuseCode(): never {
  throw new InvalidCode('No card has this code.');
}

/** Throws what the stand-in is refused with, mostly `InvalidCode`; it can't be accepted. */
function refuseLikeACard(decide: (card: GiftCard) => unknown): never {
  try {
    decide(STAND_IN);
  } catch (error) {
    if (isTelling(error) || !(error instanceof DomainError)) throw error;
  }
  refuseCode();
}

/** What the reader looks for. Throws `InvalidCode` for text that can't be a code. */
export function readReference(
  ports: LookupPorts,
  { cardId, code }: CardReference,
): { cardId: string } | { code: CodeKeys } {
  return code === undefined ? { cardId: cardId ?? '' } : { code: ports.vault.keysOf(readCode(ports, code).body) };
}

/** Throws `CardNotFound`. */
export function cardById(book: GiftCardBook, cardId: string): GiftCard {
  const card = book.card(cardId);
  if (card === undefined) throw new CardNotFound('There is no such card.');
  return card;
}

function cardByCode(book: GiftCardBook, keys: CodeKeys, newestPepperId: string): GiftCard | undefined {
  const card = book.cardByCode(keys);
  const [newest = ''] = keys;
  return card === undefined || card.toSnapshot().codeIndex === newest ? card : card.rekey(newest, newestPepperId);
}

/**
 * Finds a card for somebody who only reads. Throws `InvalidCode` or `CardNotFound`; to a caller who may see only his
 * own cards, a code of somebody else's is as unknown as any other. Wrong codes are counted: then throws `RateLimited`.
 */
export async function findCard(
  ports: LookupPorts & Pick<GiftCardPorts, 'reader' | 'guard'>,
  reference: CardReference,
  call: Call,
): Promise<{ readonly card: GiftCard; readonly now: Date }> {
  return lookUpByStaff(ports, call, reference.code, async () => {
    const by = readReference(ports, reference);
    const [card, now] = await Promise.all([ports.reader.find(call.principal.tenant, by), ports.reader.now()]);
    if (card !== undefined && (call.reach !== 'own' || isOwner(card, call))) return { card, now };
    if (reference.code !== undefined) refuseCode();
    throw new CardNotFound('There is no such card.');
  });
}

function isOwner(card: GiftCard, call: Call): boolean {
  const { purchaserId, holderId } = card.toSnapshot();
  const subject = subjectOf(call.principal);
  return purchaserId === subject || holderId === subject;
}
