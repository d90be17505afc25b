-- Jobs: one row each, from being asked for until it is purged.
CREATE SCHEMA jobs;

CREATE TABLE jobs.job (
  number           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
  id               uuid        PRIMARY KEY,
  tenant           text        NOT NULL,
  type             text        NOT NULL,
  -- The schedule whose tick it is of.
  schedule         text,
  -- json, not jsonb: what was given comes back as it was, and nothing looks inside.
  payload          json        NOT NULL,
  priority         text        NOT NULL CHECK (priority IN ('critical', 'high_priority', 'default', 'low_priority')),
  state            text        NOT NULL
                   CHECK (state IN ('scheduled', 'queued', 'running', 'completed', 'cancelled', 'dead')),
  created_at       timestamptz NOT NULL DEFAULT statement_timestamp(),
  run_at           timestamptz NOT NULL,
  -- run_at less the head start of the priority: the order in which queued jobs are taken. It never changes while a
  -- job waits, which is what lets an old job of low priority have its turn.
  order_at         timestamptz NOT NULL,
  retries          json,
  max_attempts     integer,
  attempt          integer     NOT NULL DEFAULT 0,
  -- Rises each time a worker takes the job: what a worker writes must name the claim that it holds.
  claim            integer     NOT NULL DEFAULT 0,
  worker           text,
  lease_until      timestamptz,
  cancel_requested boolean     NOT NULL DEFAULT false,
  started_at       timestamptz,
  finished_at      timestamptz,
  concurrency_key  text,
  progress_done    double precision,
  progress_total   double precision,
  progress_note    text,
  checkpoint       json,
  result           json,
  failures         jsonb       NOT NULL DEFAULT '[]',
  actor            text,
  correlation_id   text,
  trace_parent     text,
  CHECK ((state = 'running') = (lease_until IS NOT NULL)),
  CHECK ((state IN ('completed', 'cancelled', 'dead')) = (finished_at IS NOT NULL))
) WITH (
  -- Rows change several times in a short life.
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.05
);

CREATE UNIQUE INDEX job_number ON jobs.job (number);
CREATE INDEX job_queued ON jobs.job (type, order_at, number) WHERE state = 'queued';
CREATE INDEX job_scheduled ON jobs.job (type, run_at) WHERE state = 'scheduled';
-- Not on lease_until, so that a heartbeat changes no index.
CREATE INDEX job_running ON jobs.job (type) WHERE state = 'running';
-- Two workers that take two jobs of one key at the same moment: the second one's claim fails.
CREATE UNIQUE INDEX job_running_key ON jobs.job (tenant, concurrency_key)
  WHERE state = 'running' AND concurrency_key IS NOT NULL;
CREATE INDEX job_of_schedule ON jobs.job (schedule, number)
  WHERE schedule IS NOT NULL AND state IN ('scheduled', 'queued', 'running', 'dead');
CREATE INDEX job_finished ON jobs.job (finished_at) WHERE finished_at IS NOT NULL;

-- The last tick of each schedule for which a job was enqueued.
CREATE TABLE jobs.schedule (
  name      text        PRIMARY KEY,
  cron      text        NOT NULL,
  timezone  text        NOT NULL,
  last_tick timestamptz NOT NULL
);

-- The failures of a job with one more, which is {code, message} or null; the last ten are kept.
CREATE FUNCTION jobs.with_failure(failures jsonb, attempt integer, failure jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN failure IS NULL THEN failures
    ELSE CASE WHEN jsonb_array_length(failures) >= 10 THEN failures - 0 ELSE failures END
      || jsonb_build_array(failure || jsonb_build_object('attempt', attempt, 'at', statement_timestamp()))
  END
$$;

GRANT USAGE ON SCHEMA jobs TO portolan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.job TO portolan_app;
GRANT SELECT, INSERT, UPDATE ON jobs.schedule TO portolan_app;
