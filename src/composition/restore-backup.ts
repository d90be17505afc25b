import { migrate } from '../infrastructure/postgres/migrate.ts';
import type { BackupSummary } from '../infrastructure/postgres/backup-format.ts';
import { peppersOnCards } from '../infrastructure/postgres/peppers-on-cards.ts';
import { restore } from '../infrastructure/postgres/restore.ts';
import { loadConfig, type Environment } from './config.ts';
import { peppersIfThere } from './secrets.ts';

/** What was restored, and which peppers it lacks. */
export interface RestoreSummary extends BackupSummary {
  /** Codes that were made under these work only when they are configured again: a backup holds no peppers. */
  readonly missingPeppers: readonly string[];
}

/** Brings an empty database up to date, fills it from a backup, and looks whether the peppers for it are there. */
export async function restoreBackup(
  ownerUrl: string,
  file: string,
  { PEPPERS, DATA_FOLDER }: Environment,
): Promise<RestoreSummary> {
  const known = await peppersIfThere(loadConfig({ PEPPERS, DATA_FOLDER }));
  await migrate(ownerUrl);
  const summary = await restore(ownerUrl, file);
  const ids = new Set(known.map(({ id }) => id));
  return { ...summary, missingPeppers: (await peppersOnCards(ownerUrl)).filter((id) => !ids.has(id)) };
}
