/** `portolan/postgres`: migrations, and gift cards with log, jobs and seals on a pool of the caller's. */
export { migrate, MigrationError, type Migrated } from '../infrastructure/postgres/migrate.ts';
export { logPositions } from './log-positions.ts';
export {
  postgresGiftCards,
  type PostgresGiftCardService,
  type PostgresGiftCardsOptions,
} from './postgres-gift-cards.ts';
