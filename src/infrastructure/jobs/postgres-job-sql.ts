/**
 * Every statement of the PostgreSQL adapter. Times are taken from `statement_timestamp()`: the database's clock, and
 * stable, so that it can be compared in an index.
 */

/** Jobs that wait, by type; not counted beyond the limit. */
export const depthSql = `
  SELECT (
    SELECT count(*) FROM (SELECT FROM jobs.job WHERE state = 'queued' AND type = $1 LIMIT $2) AS queued
  ) + (
    SELECT count(*) FROM (SELECT FROM jobs.job WHERE state = 'scheduled' AND type = $1 LIMIT $2) AS scheduled
  ) AS depth`;

export const knownIdsSql = `SELECT count(*) AS known FROM jobs.job WHERE id = ANY ($1::uuid[])`;

export const insertSql = `
  INSERT INTO jobs.job (
    id, tenant, type, payload, priority, state, run_at, order_at,
    retries, concurrency_key, actor, correlation_id, trace_parent, schedule
  )
  SELECT
    id, tenant, type, payload, priority,
    CASE WHEN due_at > statement_timestamp() THEN 'scheduled' ELSE 'queued' END,
    due_at, due_at - head_start_ms * interval '1 ms',
    retries, concurrency_key, actor, correlation_id, trace_parent, $14
  FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::json[], $5::text[], $6::float8[], $7::timestamptz[], $8::float8[],
    $9::json[], $10::text[], $11::text[], $12::text[], $13::text[]
  ) WITH ORDINALITY AS new (
    id, tenant, type, payload, priority, head_start_ms, run_at, delay_ms,
    retries, concurrency_key, actor, correlation_id, trace_parent, place
  ) CROSS JOIN LATERAL (
    SELECT coalesce(run_at, statement_timestamp() + delay_ms * interval '1 ms') AS due_at
  ) AS due
  ORDER BY place
  ON CONFLICT (id) DO NOTHING
  RETURNING id`;

export const findSql = `SELECT * FROM jobs.job WHERE id = $1`;

export const listSql = `
  SELECT * FROM jobs.job
  WHERE ($1::text IS NULL OR type = $1)
    AND ($2::text IS NULL OR state = $2)
    AND ($3::text IS NULL OR tenant = $3)
    AND ($4::bigint IS NULL OR number < $4)
  ORDER BY number DESC
  LIMIT $5`;

export const cancelSql = `
  UPDATE jobs.job SET
    cancel_requested = true,
    state = CASE state WHEN 'running' THEN 'running' ELSE 'cancelled' END,
    finished_at = CASE state WHEN 'running' THEN NULL ELSE statement_timestamp() END
  WHERE id = $1 AND state IN ('scheduled', 'queued', 'running')
  RETURNING state`;

export const redriveSql = `
  UPDATE jobs.job SET
    state = 'queued', attempt = 0, finished_at = NULL,
    run_at = statement_timestamp(), order_at = statement_timestamp() - (run_at - order_at)
  WHERE id = $1 AND state = 'dead'
  RETURNING type`;

export const statisticsSql = `
  SELECT type, state, count(*)::float8 AS jobs,
    extract(epoch FROM statement_timestamp() - min(greatest(run_at, created_at)))::float8 * 1000 AS oldest_ms
  FROM jobs.job
  WHERE $1::text IS NULL OR tenant = $1
  GROUP BY type, state
  ORDER BY type COLLATE "C"`;

export const purgeSql = `
  DELETE FROM jobs.job WHERE id IN (
    SELECT id FROM jobs.job
    WHERE finished_at <= statement_timestamp() - $1::float8 * interval '1 ms' AND state = ANY ($2::text[])
    LIMIT $3
    FOR UPDATE SKIP LOCKED
  )`;

/**
 * Takes queued jobs. Two of one key are never taken together: neither when the other runs, nor by this statement.
 * Two statements at the same moment can't see each other; the second then violates job_running_key.
 */
export const claimSql = `
  WITH slot AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[])
      AS slot (type, free, max_attempts, lease_ms)
  ), candidate AS MATERIALIZED (
    SELECT waiting.*, slot.max_attempts, slot.lease_ms
    FROM slot CROSS JOIN LATERAL (
      SELECT id, tenant, concurrency_key, order_at, number
      FROM jobs.job
      WHERE state = 'queued' AND job.type = slot.type
        AND NOT EXISTS (
          SELECT FROM jobs.job AS running
          WHERE running.state = 'running'
            AND running.tenant = job.tenant AND running.concurrency_key = job.concurrency_key
        )
      ORDER BY order_at, number
      LIMIT slot.free
      FOR UPDATE SKIP LOCKED
    ) AS waiting
  ), one_of_each_key AS (
    SELECT DISTINCT ON (tenant, concurrency_key, CASE WHEN concurrency_key IS NULL THEN number END) *
    FROM candidate
    ORDER BY tenant, concurrency_key, CASE WHEN concurrency_key IS NULL THEN number END, order_at, number
  ), next AS (
    SELECT * FROM one_of_each_key ORDER BY order_at, number LIMIT $5
  ), claimed AS (
    UPDATE jobs.job SET
      state = 'running',
      attempt = job.attempt + 1,
      claim = job.claim + 1,
      max_attempts = coalesce((job.retries ->> 'attempts')::integer, next.max_attempts),
      worker = $6,
      started_at = statement_timestamp(),
      lease_until = statement_timestamp() + next.lease_ms * interval '1 ms'
    FROM next
    WHERE job.id = next.id
    RETURNING job.*
  )
  SELECT * FROM claimed ORDER BY order_at, number`;

/*
 * What a run writes counts only while its claim holds: the job runs, and under the same number. That it runs is told
 * by its lease: asked for the state, the planner may prefer a scan of all running jobs to a look-up of the id.
 * The claims are given in the order of their ids and locked one after another, so that statements never deadlock.
 */

export const extendLeasesSql = `
  WITH held AS MATERIALIZED (
    SELECT job.id, lease.lease_ms
    FROM unnest($1::uuid[], $2::integer[], $3::integer[]) AS lease (id, claim, lease_ms)
    CROSS JOIN LATERAL (
      SELECT id FROM jobs.job WHERE id = lease.id AND claim = lease.claim AND lease_until IS NOT NULL FOR UPDATE
    ) AS job
  )
  UPDATE jobs.job SET lease_until = statement_timestamp() + held.lease_ms * interval '1 ms'
  FROM held
  WHERE job.id = held.id
  RETURNING job.id, job.claim, job.cancel_requested`;

/** Where cancelling was asked for, the job ends as cancelled whatever the run came to. */
export const settleSql = `
  WITH ended AS MATERIALIZED (
    SELECT job.id, ending.state, ending.delay_ms, ending.refund, ending.result, ending.failure
    FROM unnest(
      $1::uuid[], $2::integer[], $3::text[], $4::float8[], $5::boolean[], $6::json[], $7::jsonb[]
    ) AS ending (id, claim, state, delay_ms, refund, result, failure)
    CROSS JOIN LATERAL (
      SELECT id FROM jobs.job WHERE id = ending.id AND claim = ending.claim AND lease_until IS NOT NULL FOR UPDATE
    ) AS job
  )
  UPDATE jobs.job SET
    state = CASE
      WHEN job.cancel_requested THEN 'cancelled'
      WHEN ended.state = 'scheduled' AND ended.delay_ms = 0 THEN 'queued'
      ELSE ended.state
    END,
    finished_at = CASE
      WHEN job.cancel_requested OR ended.state IN ('completed', 'cancelled', 'dead') THEN statement_timestamp()
    END,
    run_at = coalesce(statement_timestamp() + ended.delay_ms * interval '1 ms', job.run_at),
    order_at = coalesce(statement_timestamp() + ended.delay_ms * interval '1 ms', job.run_at)
      - (job.run_at - job.order_at),
    attempt = job.attempt - ended.refund::integer,
    result = CASE WHEN job.cancel_requested THEN NULL ELSE ended.result END,
    failures = jobs.with_failure(job.failures, job.attempt, ended.failure),
    worker = NULL,
    lease_until = NULL
  FROM ended
  WHERE job.id = ended.id
  RETURNING job.id, job.claim, job.state`;

export const saveProgressSql = `
  UPDATE jobs.job SET
    progress_done = CASE WHEN $3::float8 >= coalesce(progress_done, 0) THEN $3 ELSE progress_done END,
    progress_total = CASE WHEN $3 >= coalesce(progress_done, 0) THEN $4::float8 ELSE progress_total END,
    progress_note = CASE WHEN $3 >= coalesce(progress_done, 0) THEN $5::text ELSE progress_note END
  WHERE id = $1 AND claim = $2 AND lease_until IS NOT NULL`;

export const saveCheckpointSql = `
  UPDATE jobs.job SET checkpoint = $3::json WHERE id = $1 AND claim = $2 AND lease_until IS NOT NULL`;

export const queueDueSql = `
  UPDATE jobs.job SET state = 'queued'
  WHERE id IN (
    SELECT id FROM jobs.job
    WHERE state = 'scheduled' AND type = ANY ($1::text[]) AND run_at <= statement_timestamp()
    LIMIT $2
    FOR UPDATE SKIP LOCKED
  )`;

/** Jobs whose worker was not heard of until the lease ran out. The attempt counts: it may be what killed the worker. */
export const rescueSql = `
  UPDATE jobs.job SET
    state = CASE
      WHEN cancel_requested THEN 'cancelled'
      WHEN attempt >= max_attempts AND type <> ALL ($3::text[]) THEN 'dead'
      ELSE 'queued'
    END,
    finished_at = CASE
      WHEN cancel_requested OR (attempt >= max_attempts AND type <> ALL ($3::text[])) THEN statement_timestamp()
    END,
    attempt = least(attempt, max_attempts),
    failures = jobs.with_failure(failures, attempt, $2::jsonb),
    worker = NULL,
    lease_until = NULL
  WHERE id IN (
    SELECT id FROM jobs.job
    WHERE state = 'running' AND type = ANY ($1::text[]) AND lease_until < statement_timestamp()
    FOR UPDATE SKIP LOCKED
  )`;

export const nextDueSql = `
  SELECT extract(epoch FROM min(next.run_at) - statement_timestamp())::float8 * 1000 AS in_ms
  FROM unnest($1::text[]) AS served (type) CROSS JOIN LATERAL (
    SELECT run_at FROM jobs.job WHERE state = 'scheduled' AND job.type = served.type ORDER BY run_at LIMIT 1
  ) AS next`;

export const openScheduleSql = `
  INSERT INTO jobs.schedule (name, cron, timezone, last_tick) VALUES ($1, $2, $3, statement_timestamp())
  ON CONFLICT (name) DO UPDATE
    SET cron = excluded.cron, timezone = excluded.timezone, last_tick = excluded.last_tick
    WHERE (schedule.cron, schedule.timezone) IS DISTINCT FROM (excluded.cron, excluded.timezone)`;

export const scheduleClockSql = `
  SELECT statement_timestamp() AS now, name, last_tick
  FROM (SELECT) AS always LEFT JOIN jobs.schedule ON name = ANY ($1::text[])`;

export const tickSql = `UPDATE jobs.schedule SET last_tick = $2 WHERE name = $1 AND last_tick < $2`;

/** The condition is that of the index job_of_schedule. */
export const jobsOfScheduleSql = `
  SELECT id, state FROM jobs.job
  WHERE schedule = $1 AND state IN ('scheduled', 'queued', 'running', 'dead')
  ORDER BY number DESC`;

/** One that was re-driven meanwhile is dead no more. */
export const forgetDeadSql = `DELETE FROM jobs.job WHERE id = ANY ($1::uuid[]) AND state = 'dead'`;
