import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { PositionUnavailable } from '../../src/application/shared/errors.ts';
import { logPositions } from '../../src/composition/log-positions.ts';
import { postgresGiftCards, type PostgresGiftCardService } from '../../src/composition/postgres-gift-cards.ts';
import { beginEpoch } from '../../src/infrastructure/postgres/log-epoch.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

describe('log positions of a program that embeds gift cards', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  const services: PostgresGiftCardService[] = [];

  before(async () => {
    database = await testDatabase();
    await migrate(database.ownerUrl);
    pool = new pg.Pool({ connectionString: database.ownerUrl });
  });
  after(async () => {
    for (const service of services) await service.close();
    await pool?.end();
    await database?.close();
  });

  /** A program that starts now. */
  async function start(): Promise<PostgresGiftCardService> {
    const positions = await logPositions(pool);
    const peppers = `1:${'5eed'.repeat(11)}`;
    const service = postgresGiftCards({ pool, peppers, positions, onFault: (error) => expect.fail(String(error)) });
    services.push(service);
    return service;
  }

  it('mean the same in every program on one database, and nothing once that was restored', async () => {
    const client = (await start()).client();
    const input = { amount: { amount: '50.00', currency: 'USD' }, purchaserId: 'anna' };
    const { data, meta } = await client.call('GiftCard.create', input);
    const { id: cardId } = data as { readonly id: string };
    const position = meta.position ?? '';
    expect(position).to.match(/^[0-9a-f]{8}\.\d+$/);
    const another = (await start()).client();
    expect(await another.GiftCard.getCard({ cardId }, { after: position })).to.include({ id: cardId });

    const owner = await pool.connect();
    await beginEpoch(owner).finally(() => owner.release());
    const { GiftCard } = (await start()).client();
    const refusal = await GiftCard.getCard({ cardId }, { after: position }).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(PositionUnavailable);
    expect(await GiftCard.getCard({ cardId })).to.include({ id: cardId });
  });
});
