import { EmbeddedPostgresError } from '../infrastructure/embedded-postgres/embedded-postgres-error.ts';
import { backup } from '../infrastructure/postgres/backup.ts';
import { BackupError, type BackupSummary } from '../infrastructure/postgres/backup-format.ts';
import { migrate, MigrationError, type Migrated } from '../infrastructure/postgres/migrate.ts';
import { restore, type RestoreResult } from '../infrastructure/postgres/restore.ts';
import { CliFailure } from '../interfaces/cli/failure-report.ts';
import { loadConfig, type Environment } from './config.ts';
import { databaseFault } from './fault-lines.ts';
import { missingPeppers } from './missing-peppers.ts';
import { databaseSettings, withOwnerUrl } from './open-database.ts';
import { peppersIfThere } from './secrets.ts';

/** What was restored, and which peppers it lacks. */
export interface RestoreSummary extends RestoreResult {
  /** Codes that were made under these work only when they are configured again: a backup holds no peppers. */
  readonly missingPeppers: readonly string[];
}

/** Work on the database itself, by its owner. Refusals are thrown as `CliFailure` and `ConfigurationError`. */
export interface Maintenance {
  /** Brings the database up to date; makes the embedded one where there is none. */
  migrate(): Promise<Migrated>;
  backup(file: string): Promise<BackupSummary>;
  /** Brings an empty database up to date, fills it from a backup, and looks whether the peppers for it are there. */
  restore(file: string): Promise<RestoreSummary>;
}

/** Maintenance of the database that these settings name. */
export function maintenanceOf(environment: Environment): Maintenance {
  const onDatabase = async <T>(create: boolean, work: (ownerUrl: string) => Promise<T>): Promise<T> => {
    try {
      return await withOwnerUrl(databaseSettings(environment), { create }, work);
    } catch (error) {
      throw explained(error);
    }
  };
  return {
    migrate: () => onDatabase(true, (url) => migrate(url)),
    backup: (file) => onDatabase(false, (url) => backup(url, file)),
    async restore(file) {
      const { PEPPERS, DATA_FOLDER } = environment;
      const known = await peppersIfThere(loadConfig({ PEPPERS, DATA_FOLDER }));
      return onDatabase(true, async (url) => {
        await migrate(url);
        const summary = await restore(url, file);
        return { ...summary, missingPeppers: await missingPeppers(url, known) };
      });
    },
  };
}

/** The same failure with the kind that makes its exit code; what nobody expects stays what it is. */
function explained(error: unknown): unknown {
  if (error instanceof MigrationError) return failure('rule_violated', 'database.migration_refused', error);
  if (error instanceof BackupError) return failure('rule_violated', 'database.backup_refused', error);
  if (error instanceof EmbeddedPostgresError) return failure('unavailable', 'database.unavailable', error);
  const line = databaseFault(error);
  return line === undefined ? error : failure('unavailable', 'database.unavailable', new Error(line, { cause: error }));
}

const failure = (kind: CliFailure['kind'], code: string, cause: Error): CliFailure =>
  new CliFailure(kind, code, cause.message, { cause });
