-- The frame: event log, receipts of commands, consumers, seals, ingested foreign events.
-- The migrator has made the schema already, for its own table.
CREATE SCHEMA IF NOT EXISTS portolan;

CREATE TABLE portolan.log_epoch (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch    uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO portolan.log_epoch DEFAULT VALUES;

-- CACHE 1: a cached range would let a session use an old position after a newer one was committed.
CREATE SEQUENCE portolan.event_position AS bigint CACHE 1;

CREATE TABLE portolan.events (
  position       bigint      NOT NULL DEFAULT nextval('portolan.event_position'),
  tenant         text        NOT NULL,
  stream         text        NOT NULL,
  stream_version bigint      NOT NULL CHECK (stream_version > 0),
  event_id       uuid        NOT NULL,
  type           text        NOT NULL,
  schema_version smallint    NOT NULL DEFAULT 1,
  actor          text        NOT NULL,
  correlation_id text        NOT NULL,
  causation_id   text,
  trace_parent   text,
  occurred_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  payload        json        NOT NULL,
  PRIMARY KEY (position)
) PARTITION BY RANGE (position);
CREATE TABLE portolan.events_default PARTITION OF portolan.events DEFAULT;
CREATE INDEX events_stream ON portolan.events (tenant, stream, stream_version);

CREATE FUNCTION portolan.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON portolan.events
  FOR EACH ROW EXECUTE FUNCTION portolan.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON portolan.events
  FOR EACH STATEMENT EXECUTE FUNCTION portolan.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON portolan.events_default
  FOR EACH STATEMENT EXECUTE FUNCTION portolan.refuse_change();

-- The first outcome of every command with an idempotency key. Holds no secret in the clear and nothing personal.
CREATE TABLE portolan.receipts (
  id          uuid        PRIMARY KEY,
  tenant      text        NOT NULL,
  operation   text        NOT NULL,
  fingerprint uuid        NOT NULL,
  outcome     json        NOT NULL,
  position    bigint,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX receipts_age ON portolan.receipts USING brin (created_at);

-- Checkpoint and lease of each exclusive reader; `fence` rises with every new holder.
CREATE TABLE portolan.consumers (
  name        text        PRIMARY KEY,
  position    bigint      NOT NULL DEFAULT 0,
  attempts    integer     NOT NULL DEFAULT 0,
  fence       bigint      NOT NULL DEFAULT 0,
  holder      text,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  updated_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE portolan.consumed (
  consumer   text        NOT NULL,
  event_id   uuid        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX consumed_age ON portolan.consumed USING brin (created_at);
CREATE TABLE portolan.dead_events (
  consumer   text        NOT NULL,
  tenant     text        NOT NULL,
  event_id   uuid        NOT NULL,
  position   bigint      NOT NULL,
  error_code text        NOT NULL,
  attempts   integer     NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Set when somebody asks for another try, cleared when that fails.
  redrive_requested_at timestamptz,
  -- Set when the event has been handled after all.
  redriven_at timestamptz,
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX dead_events_redrive ON portolan.dead_events (consumer, redrive_requested_at)
  WHERE redrive_requested_at IS NOT NULL AND redriven_at IS NULL;

-- One row per foreign source: it is the stream of that source's events and carries their version.
CREATE TABLE portolan.sources (
  tenant  text   NOT NULL,
  source  text   NOT NULL,
  version bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, source)
);
CREATE TABLE portolan.ingested (
  tenant      text        NOT NULL,
  source      text        NOT NULL,
  id          text        NOT NULL,
  ingested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant, source, id)
);

-- A chain for each tenant. `marks` holds each event's position and the first 8 bytes of its digest, so that a broken
-- seal names the event; the strength is in `hash`, which covers the whole digests.
CREATE TABLE portolan.seals (
  tenant        text        NOT NULL,
  number        bigint      NOT NULL,
  from_position bigint      NOT NULL,
  to_position   bigint      NOT NULL,
  event_count   bigint      NOT NULL,
  marks         bytea       NOT NULL,
  hash          bytea       NOT NULL,
  previous_hash bytea       NOT NULL,
  sealed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant, number)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON portolan.seals
  FOR EACH ROW EXECUTE FUNCTION portolan.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON portolan.seals
  FOR EACH STATEMENT EXECUTE FUNCTION portolan.refuse_change();

-- Turns a broken promise of a set-based write into an error, so that the commit sent behind it rolls back.
CREATE FUNCTION portolan.ensure(holds boolean, broken text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF holds IS NOT TRUE THEN
    RAISE EXCEPTION '%', broken USING ERRCODE = 'PT409';
  END IF;
END $$;

GRANT USAGE ON SCHEMA portolan TO portolan_app;
GRANT SELECT ON portolan.log_epoch TO portolan_app;
GRANT USAGE ON SEQUENCE portolan.event_position TO portolan_app;
GRANT SELECT, INSERT ON portolan.events, portolan.seals, portolan.consumed, portolan.ingested TO portolan_app;
GRANT SELECT, INSERT, UPDATE ON portolan.consumers, portolan.dead_events, portolan.sources TO portolan_app;
GRANT SELECT, INSERT, DELETE ON portolan.receipts TO portolan_app;
GRANT DELETE ON portolan.consumed TO portolan_app;
