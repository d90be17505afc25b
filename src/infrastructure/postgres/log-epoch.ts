import type { ClientBase } from 'pg';

/** More holders than a consumer can have had since the backup was made. */
const FENCE_STEP = 1_000_000_000;

/**
 * To be called by the owner on a database restored from a backup, before anybody works with it: positions given out
 * before mean nothing here, and whoever still believes to hold a consumer's lease finds it lost. Returns the new epoch.
 */
export async function beginEpoch(owner: ClientBase): Promise<string> {
  const { rows } = await owner.query<{ epoch: string }>(
    `WITH freed AS (UPDATE portolan.consumers SET fence = fence + ${FENCE_STEP}, lease_until = '-infinity')
     UPDATE portolan.log_epoch SET epoch = gen_random_uuid() RETURNING epoch`,
  );
  if (rows[0] === undefined) throw new Error('The log has no epoch.');
  return rows[0].epoch;
}
