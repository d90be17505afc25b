import type { Pool } from 'pg';
import type { OrderMarks } from '../../application/gift-cards/order-marks.ts';

/** Marks of cancelled orders in PostgreSQL. */
export class PostgresOrderMarks implements OrderMarks {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async purge(limit: number): Promise<number> {
    // The lock sees a mark that was set anew meanwhile, and leaves it. The statement's time is one that an index can use.
    const { rowCount } = await this.#pool.query(
      `DELETE FROM gift_cards.cancelled_orders WHERE (tenant, order_id) IN (
         SELECT tenant, order_id FROM gift_cards.cancelled_orders
         WHERE marks_until <= statement_timestamp() ORDER BY marks_until LIMIT $1 FOR UPDATE SKIP LOCKED)`,
      [limit],
    );
    return rowCount ?? 0;
  }
}
