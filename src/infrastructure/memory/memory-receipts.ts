import { IdempotencyKeyReused } from '../../application/shared/errors.ts';
import type { Committed, ReceiptKey } from '../../domain/shared/decision.ts';
import type { DomainError, DomainErrorClass, ErrorDetails, Json } from '../../domain/shared/domain-error.ts';

interface StoredAnswer {
  readonly answer: string;
  readonly sealed: string | undefined;
  readonly position: bigint | undefined;
}

interface StoredRefusal {
  readonly type: DomainErrorClass;
  readonly message: string;
  readonly details: string;
}

/** The first outcome of each command that has a receipt key; answers are kept as JSON text, as a database would. */
export class MemoryReceipts {
  readonly #stored = new Map<
    string,
    { readonly fingerprint: string; readonly outcome: StoredAnswer | StoredRefusal }
  >();

  /**
   * The first outcome: its answer, or its refusal, thrown. Undefined for a command without a key or a new one.
   * Throws `IdempotencyKeyReused` where the first command had another input.
   */
  replay<Answer extends Json>(key: ReceiptKey | undefined): Committed<Answer> | undefined {
    const receipt = key && this.#stored.get(key.id);
    if (receipt === undefined) return undefined;
    if (receipt.fingerprint !== key?.fingerprint) {
      throw new IdempotencyKeyReused('This idempotency key was used with another input.');
    }
    const { outcome } = receipt;
    if ('type' in outcome) throw new outcome.type(outcome.message, JSON.parse(outcome.details) as ErrorDetails);
    return { ...outcome, answer: JSON.parse(outcome.answer) as Answer, replayed: true };
  }

  keepAnswer(key: ReceiptKey | undefined, { answer, sealed, position }: Committed<Json>): void {
    this.#keep(key, { answer: JSON.stringify(answer), sealed, position });
  }

  keepRefusal(key: ReceiptKey | undefined, { type, message, details }: DomainError): void {
    this.#keep(key, { type, message, details: JSON.stringify(details) });
  }

  #keep(key: ReceiptKey | undefined, outcome: StoredAnswer | StoredRefusal): void {
    if (key !== undefined) this.#stored.set(key.id, { fingerprint: key.fingerprint, outcome });
  }
}
