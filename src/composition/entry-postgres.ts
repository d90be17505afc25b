/** `portolan/postgres`: migrations, gift cards with log, jobs and seals, and locks on a pool of the caller's. */
export type { LockOutcome, LockService } from '../application/shared/lock-service.ts';
export { migrate, MigrationError, type Migrated } from '../infrastructure/postgres/migrate.ts';
export { PostgresLockService } from '../infrastructure/postgres/postgres-lock-service.ts';
export { logPositions } from './log-positions.ts';
export {
  postgresGiftCards,
  type PostgresGiftCardService,
  type PostgresGiftCardsOptions,
} from './postgres-gift-cards.ts';
