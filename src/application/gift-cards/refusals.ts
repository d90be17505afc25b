import {
  CardNotFound,
  DISTINCT_REFUSALS,
  GiftCardRefused,
  HolderMismatch,
  InvalidCode,
} from '../../domain/gift-cards/errors.ts';
import { CurrencyMismatch } from '../../domain/shared/money.ts';
import { isPermitted, subjectOf, type Call } from '../shared/call.ts';
import type { GiftCardPorts } from './ports.ts';

const TELLING = [...DISTINCT_REFUSALS, CurrencyMismatch, CardNotFound] as const;

/** Whether an error would tell a stranger if a code is one, or what is the matter with its card. */
export const isTelling = (error: unknown): boolean => TELLING.some((type) => error instanceof type);

/** Whether the caller may be told why a card was refused. */
export const mayKnowWhy = ({ principal, inProcess }: Call): boolean =>
  inProcess === true || isPermitted(principal, 'gift-cards:diagnose');

/** Runs what a code was presented for, and counts it where it fails by one of these errors. Throws `RateLimited`. */
async function counted<Result>(
  { guard }: Pick<GiftCardPorts, 'guard'>,
  call: Call,
  presented: string | undefined,
  isRefusal: (error: unknown) => boolean,
  run: () => Promise<Result>,
): Promise<Result> {
  if (presented === undefined) return run();
  guard.check(call);
  try {
    const result = await run();
    guard.accepted(call);
    return result;
  } catch (error) {
    if (isRefusal(error)) guard.refused(call);
    throw error;
  }
}

/**
 * Runs an operation of somebody who is told why a card cannot be used. Where a code stands for the card, wrong ones
 * count against whoever guesses: also staff has no business trying codes. Throws `RateLimited` for those.
 */
export function lookUpByStaff<Result>(
  ports: Pick<GiftCardPorts, 'guard'>,
  call: Call,
  presented: string | undefined,
  run: () => Promise<Result>,
): Promise<Result> {
  return counted(ports, call, presented, (error) => error instanceof InvalidCode, run);
}

/**
 * Runs an attempt at a card. Callers who may not know the reason get one answer for all refusals; the receipt keeps the
 * reason. Where a code was presented, refused attempts count against whoever guesses. Throws `RateLimited` for those.
 */
export async function attempt<Result>(
  ports: Pick<GiftCardPorts, 'guard'>,
  call: Call,
  presented: string | undefined,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await counted(ports, call, presented, isTelling, run);
  } catch (error) {
    if (!isTelling(error)) throw error;
    throw mayKnowWhy(call) ? error : new GiftCardRefused('This gift card cannot be used.');
  }
}

/** A card that someone spends from: by code, or by id as its holder. */
export interface SpendReference {
  readonly cardId?: string | undefined;
  readonly holderId?: string | undefined;
}

/** Throws `HolderMismatch` when a caller who may spend only from his own cards names another holder, or a code. */
export function requireOwnSpending({ cardId, holderId }: SpendReference, call: Call): void {
  if (call.reach !== 'own') return;
  if (cardId === undefined || holderId !== subjectOf(call.principal)) {
    throw new HolderMismatch('You can pay with cards that are bound to you only, by id and holder.');
  }
}
