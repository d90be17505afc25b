import { GIFT_CARD_ERRORS } from '../../src/application/gift-cards/index.ts';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { PostgresEventLog } from '../../src/infrastructure/postgres/event-log.ts';
import { LogWakeup } from '../../src/infrastructure/postgres/log-wakeup.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { createCommandPool, createPool } from '../../src/infrastructure/postgres/pools.ts';
import { PostgresBulkIssuer } from '../../src/infrastructure/postgres/postgres-bulk-issuer.ts';
import { PostgresGiftCardReader } from '../../src/infrastructure/postgres/postgres-gift-card-reader.ts';
import { PostgresGiftCards } from '../../src/infrastructure/postgres/postgres-gift-cards.ts';
import { PostgresOrderMarks } from '../../src/infrastructure/postgres/postgres-order-marks.ts';
import { PostgresRecipientEraser } from '../../src/infrastructure/postgres/postgres-recipient-eraser.ts';
import { uuidv7 } from '../../src/infrastructure/system/uuid.ts';
import { testDatabase } from './postgres.ts';
import { transactionOn } from './transaction.ts';

/** Gift cards in a PostgreSQL database of their own. */
export async function postgresGiftCardSite(): Promise<
  GiftCardSite & { readonly ownerUrl: string; readonly applicationUrl: string }
> {
  const database = await testDatabase();
  await migrate(database.ownerUrl);
  const faults: unknown[] = [];
  const onError = (error: unknown): unknown => faults.push(error);
  const connectionString = database.applicationUrl;
  const commands = createCommandPool({ connectionString, max: 10, onError });
  const queries = createPool({ connectionString, max: 10, onError });
  const wakeup = new LogWakeup({ onError });
  const repository = new PostgresGiftCards(GIFT_CARD_ERRORS, {
    pool: commands,
    newId: uuidv7,
    committed: () => wakeup.committed(),
  });
  const log = new PostgresEventLog({ pool: queries, wakeup, onError });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await repository.close();
    await log.close();
    await wakeup.close();
    await commands.end();
    await queries.end();
    await database.close();
    if (faults.length > 0) throw new AggregateError(faults, 'The adapter reported faults.');
  };
  return {
    ownerUrl: database.ownerUrl,
    applicationUrl: database.applicationUrl,
    repository,
    reader: new PostgresGiftCardReader(queries),
    bulkIssuer: new PostgresBulkIssuer(queries, uuidv7, () => wakeup.committed()),
    eraser: new PostgresRecipientEraser(queries),
    marks: new PostgresOrderMarks(queries),
    log,
    transaction: transactionOn(queries),
    close: () => (closed ??= close()),
  };
}
