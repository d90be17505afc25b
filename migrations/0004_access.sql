-- API tokens, and the counts of calls that instances share.
CREATE SCHEMA access;

CREATE TABLE access.api_tokens (
  id           text        COLLATE "C" PRIMARY KEY,
  tenant       text        NOT NULL,
  name         text        NOT NULL,
  permissions  text[]      NOT NULL,
  roles        text[]      NOT NULL,
  -- SHA-256 of a text with 256 random bits: whoever reads this table can present no token.
  hash         bytea       NOT NULL CHECK (length(hash) = 32),
  created_by   text        NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz CHECK (expires_at > created_at),
  revoked_at   timestamptz,
  revoked_by   text,
  version      bigint      NOT NULL CHECK (version > 0),
  last_used_at timestamptz,
  CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX api_tokens_tenant ON access.api_tokens (tenant, id);

-- Worth a second of overshoot, not a flush to disk: empty after a crash. Keys are keyed hashes, since they stand for
-- people and addresses.
CREATE UNLOGGED TABLE access.rate_counts (
  key        uuid        NOT NULL,
  window_ms  bigint      NOT NULL,
  number     bigint      NOT NULL,
  hits       bigint      NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (key, window_ms, number)
) WITH (fillfactor = 70);
CREATE INDEX rate_counts_expiry ON access.rate_counts (expires_at);

GRANT USAGE ON SCHEMA access TO portolan_app;
GRANT SELECT, INSERT ON access.api_tokens TO portolan_app;
-- What a token may do, for whom, and its hash can never be changed by the application.
GRANT UPDATE (revoked_at, revoked_by, version, last_used_at) ON access.api_tokens TO portolan_app;
GRANT SELECT, INSERT, DELETE ON access.rate_counts TO portolan_app;
GRANT UPDATE (hits) ON access.rate_counts TO portolan_app;
