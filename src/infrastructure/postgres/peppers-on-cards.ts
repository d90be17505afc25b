import pg from 'pg';
import { CONNECT_MS } from './pools.ts';

/**
 * From each id to the next one by the index on `pepper_id`: a step for each pepper, however many cards there are. The
 * decoys, which belong to no tenant, have the empty id.
 */
export const PEPPERS_ON_CARDS = `
  WITH RECURSIVE found AS (
    (SELECT pepper_id FROM gift_cards.cards ORDER BY pepper_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.pepper_id FROM gift_cards.cards c WHERE c.pepper_id > found.pepper_id ORDER BY c.pepper_id LIMIT 1)
    FROM found WHERE found.pepper_id IS NOT NULL
  )
  SELECT pepper_id FROM found WHERE pepper_id <> ''`;

/** The ids of all peppers under which codes of cards in this database were made; takes milliseconds. */
export async function peppersOnCards(ownerUrl: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: ownerUrl, connectionTimeoutMillis: CONNECT_MS });
  // The query reports a lost connection as well.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ pepper_id: string }>(PEPPERS_ON_CARDS);
    return rows.map(({ pepper_id }) => pepper_id);
  } finally {
    await client.end();
  }
}
