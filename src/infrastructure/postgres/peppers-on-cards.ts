import pg from 'pg';

/** The ids of all peppers under which codes of cards in this database were made. */
export async function peppersOnCards(ownerUrl: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: ownerUrl });
  // The query reports a lost connection as well.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ pepper_id: string }>(
      `SELECT DISTINCT pepper_id FROM gift_cards.cards WHERE tenant <> '' ORDER BY 1`,
    );
    return rows.map(({ pepper_id }) => pepper_id);
  } finally {
    await client.end();
  }
}
