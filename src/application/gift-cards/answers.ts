import type { GiftCardChanges } from '../../domain/gift-cards/gift-card-repository.ts';
import type { Accepted, Committed, JobRequest } from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import type { Call, Reply } from '../shared/call.ts';
import type { GiftCardPorts } from './ports.ts';

/** What a decision brings along besides its answer and its changes. */
export interface Extras {
  /** A sealed code that belongs to the answer. */
  readonly sealed?: string | undefined;
  readonly requests?: readonly JobRequest[];
}

/** Accepts with the events that the changed cards recorded. */
export function accept<Answer extends Json>(
  answer: Answer,
  changes: GiftCardChanges = {},
  { sealed, requests = [] }: Extras = {},
): Accepted<Answer, GiftCardChanges> {
  const events = (changes.cards ?? []).flatMap((card) => card.changes.events);
  return { kind: 'accepted', answer, changes, events, requests, ...(sealed === undefined ? {} : { sealed }) };
}

export function reply<Answer extends Json>({ answer, position, replayed }: Committed<Answer>): Reply<Answer> {
  return { data: answer, position, replayed };
}

/** Seals a code for the receipt: only a repeat with the same idempotency key by the same caller can open it. */
export function sealForAnswer({ sealer }: Pick<GiftCardPorts, 'sealer'>, code: string, call: Call): string {
  return sealer.seal(code, answerContext(call));
}

/** The answer with its code, which was sealed, if it has one; the first time and at each repeat. */
export function replyWithCode<Answer extends { readonly [key: string]: Json }>(
  { sealer }: Pick<GiftCardPorts, 'sealer'>,
  committed: Committed<Answer>,
  call: Call,
): Reply<Answer & { readonly code?: string }> {
  const { sealed } = committed;
  if (sealed === undefined) return reply(committed);
  return { ...reply(committed), data: { ...committed.answer, code: sealer.open(sealed, answerContext(call)) } };
}

function answerContext({ principal, receipt, idempotencyKey }: Call): string {
  const { tenant, id } = principal;
  return JSON.stringify(['gift-cards.answer', tenant, id, receipt?.operation ?? null, idempotencyKey ?? null]);
}
