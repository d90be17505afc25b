import type { Pool } from 'pg';
import type { RecipientEraser } from '../../application/gift-cards/bulk-issuer.ts';

/** Erases recipients and what still waits to be sent to them. */
export class PostgresRecipientEraser implements RecipientEraser {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async erase(tenant: string, person: { readonly email?: string; readonly subjectId?: string }): Promise<number> {
    const { rows } = await this.#pool.query<{ erased: number }>(
      `WITH erased AS (
         DELETE FROM gift_cards.recipients AS recipient USING gift_cards.cards AS card
         WHERE recipient.tenant = $1 AND card.id = recipient.card_id
           AND (lower(recipient_email) = lower($2) OR card.purchaser_id = $3 OR card.holder_id = $3)
         RETURNING recipient.card_id),
       stopped AS (
         UPDATE gift_cards.deliveries SET sealed_code = NULL, status = 'failed'
         WHERE status = 'pending' AND card_id IN (SELECT card_id FROM erased))
       SELECT count(*)::integer AS erased FROM erased`,
      [tenant, person.email ?? null, person.subjectId ?? null],
    );
    return rows[0]?.erased ?? 0;
  }
}
