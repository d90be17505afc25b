-- Gift cards. Amounts are minor units of the currency (ISO 4217 exponent).
CREATE SCHEMA gift_cards;

CREATE TABLE gift_cards.cards (
  id              uuid        PRIMARY KEY,
  tenant          text        NOT NULL,
  code_index      uuid        NOT NULL,
  pepper_id       text        NOT NULL,
  prefix          text        NOT NULL,
  last_four       text        NOT NULL,
  currency        text        NOT NULL,
  original_amount bigint      NOT NULL CHECK (original_amount >= 0),
  current_balance bigint      NOT NULL CHECK (current_balance >= 0),
  status          text        NOT NULL
    CHECK (status IN ('active', 'partially_redeemed', 'fully_redeemed', 'expired', 'voided', 'frozen')),
  purchaser_id    text        NOT NULL,
  holder_id       text,
  batch_id        uuid,
  batch_index     integer,
  expires_at      timestamptz,
  expired_at      timestamptz,
  kept_amount     bigint      NOT NULL DEFAULT 0 CHECK (kept_amount >= 0), -- refunded after the expiry: stays
  frozen_at       timestamptz,
  voided_at       timestamptz,
  voided_by       text,
  void_reason     text,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  version         bigint      NOT NULL CHECK (version >= 0),
  entry_count     bigint      NOT NULL CHECK (entry_count >= 0),
  CHECK ((voided_at IS NULL) = (voided_by IS NULL))
) WITH (fillfactor = 80); -- room for updates in place: no index holds a column that a payment changes
CREATE UNIQUE INDEX cards_code ON gift_cards.cards (code_index, tenant);
CREATE INDEX cards_newest ON gift_cards.cards (tenant, created_at, id);
CREATE INDEX cards_purchaser ON gift_cards.cards (tenant, purchaser_id, created_at, id);
CREATE INDEX cards_holder ON gift_cards.cards (tenant, holder_id, created_at, id) WHERE holder_id IS NOT NULL;
CREATE INDEX cards_last_four ON gift_cards.cards (tenant, last_four);
CREATE UNIQUE INDEX cards_batch ON gift_cards.cards (batch_id, batch_index) WHERE batch_id IS NOT NULL;
CREATE INDEX cards_expiry ON gift_cards.cards (expires_at)
  WHERE expires_at IS NOT NULL AND expired_at IS NULL AND voided_at IS NULL;
CREATE INDEX cards_pepper ON gift_cards.cards (pepper_id);

-- A code that nobody has is looked up as one of these, so that its refusal takes the same work. They belong to no tenant
-- and are filled in as cards are, since every column that is read takes its time.
INSERT INTO gift_cards.cards (id, tenant, code_index, pepper_id, prefix, last_four, currency, original_amount,
  current_balance, status, purchaser_id, expires_at, created_at, updated_at, version, entry_count)
SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '', gen_random_uuid(), '', 'GIFT', '0000', 'USD',
  0, 0, 'fully_redeemed', 'nobody', '9999-12-31', now(), now(), 0, 0
FROM generate_series(0, 255) AS n;

-- Whether an entry of a card may name this account: the card itself, a house account, a hold, or a transfer on its way.
-- In the order of how often they are named: a regular expression costs more than all the rest.
CREATE FUNCTION gift_cards.is_account(name text, card uuid) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN name IN ('settlement', 'sales', 'promotion', 'void', 'breakage') OR name = 'card:' || card::text
    OR name ~ '^(hold|transfer):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

-- The journal: money leaves the debit account and enters the credit account. No foreign key here and below: an entry is
-- written with the guarded update of its card, which costs less than a look-up of its own (docs/decisions/0008).
CREATE TABLE gift_cards.transactions (
  gift_card_id     uuid        NOT NULL,
  entry_number     bigint      NOT NULL CHECK (entry_number > 0),
  id               uuid        NOT NULL,
  tenant           text        NOT NULL,
  transaction_type text        NOT NULL CHECK (transaction_type IN ('creation', 'redemption', 'refund', 'transfer_in',
    'transfer_out', 'void', 'hold', 'capture', 'release', 'reload', 'expiry')),
  debit_account    text        NOT NULL,
  credit_account   text        NOT NULL,
  amount           bigint      NOT NULL CHECK (amount > 0),
  currency         text        NOT NULL,
  balance_before   bigint      NOT NULL CHECK (balance_before >= 0),
  balance_after    bigint      NOT NULL CHECK (balance_after >= 0),
  order_id         text,
  reference_id     text,
  metadata         jsonb       NOT NULL DEFAULT '{}',
  created_at       timestamptz NOT NULL,
  PRIMARY KEY (gift_card_id, entry_number),
  CHECK (debit_account <> credit_account),
  CONSTRAINT known_accounts CHECK (
    gift_cards.is_account(debit_account, gift_card_id) AND gift_cards.is_account(credit_account, gift_card_id)),
  CHECK (balance_after = balance_before
    + CASE WHEN credit_account = 'card:' || gift_card_id THEN amount ELSE 0 END
    - CASE WHEN debit_account = 'card:' || gift_card_id THEN amount ELSE 0 END)
);
CREATE INDEX transactions_time ON gift_cards.transactions USING brin (created_at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON gift_cards.transactions
  FOR EACH ROW EXECUTE FUNCTION portolan.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON gift_cards.transactions
  FOR EACH STATEMENT EXECUTE FUNCTION portolan.refuse_change();

CREATE TABLE gift_cards.redemptions (
  id            uuid        PRIMARY KEY,
  tenant        text        NOT NULL,
  card_id       uuid        NOT NULL,
  order_id      text        NOT NULL,
  purpose       text        NOT NULL,
  currency      text        NOT NULL,
  amount        bigint      NOT NULL CHECK (amount > 0),
  refunded      bigint      NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
  balance_after bigint      NOT NULL,
  created_at    timestamptz NOT NULL
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX redemptions_business_key ON gift_cards.redemptions (tenant, order_id, card_id, purpose);

CREATE TABLE gift_cards.holds (
  id            uuid        PRIMARY KEY,
  tenant        text        NOT NULL,
  card_id       uuid        NOT NULL,
  order_id      text        NOT NULL,
  purpose       text        NOT NULL,
  currency      text        NOT NULL,
  amount        bigint      NOT NULL CHECK (amount > 0),
  status        text        NOT NULL CHECK (status IN ('open', 'captured', 'released', 'expired')),
  balance_after bigint      NOT NULL,
  expires_at    timestamptz NOT NULL,
  created_at    timestamptz NOT NULL,
  ended_at      timestamptz,
  CHECK ((status = 'open') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX holds_business_key ON gift_cards.holds (tenant, order_id, card_id, purpose) WHERE status = 'open';
CREATE INDEX holds_order ON gift_cards.holds (tenant, order_id);
CREATE INDEX holds_card ON gift_cards.holds (card_id, status);
CREATE INDEX holds_expiry ON gift_cards.holds (expires_at) WHERE status = 'open';

CREATE TABLE gift_cards.refund_legs (
  tenant        text        NOT NULL,
  order_id      text        NOT NULL,
  refund_id     text        NOT NULL,
  leg           integer     NOT NULL,
  card_id       uuid,
  redemption_id uuid,
  currency      text        NOT NULL,
  amount        bigint      NOT NULL CHECK (amount >= 0),
  parked        bigint      NOT NULL CHECK (parked BETWEEN 0 AND amount),
  closed        boolean     NOT NULL,
  received_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant, order_id, refund_id, leg)
);
CREATE INDEX refund_legs_parked ON gift_cards.refund_legs (tenant, closed, received_at, order_id, refund_id, leg)
  WHERE parked > 0;

CREATE TABLE gift_cards.cancelled_orders (
  tenant       text        NOT NULL,
  order_id     text        NOT NULL,
  cancelled_at timestamptz NOT NULL,
  marks_until  timestamptz NOT NULL,
  PRIMARY KEY (tenant, order_id)
);
CREATE INDEX cancelled_orders_over ON gift_cards.cancelled_orders (marks_until);

-- Personal data, and nothing else: rows here can be erased without touching money or the log.
CREATE TABLE gift_cards.recipients (
  card_id         uuid PRIMARY KEY REFERENCES gift_cards.cards (id),
  tenant          text NOT NULL,
  recipient_email text,
  message         text
);
CREATE INDEX recipients_email ON gift_cards.recipients (tenant, lower(recipient_email));
-- ANALYZE would copy addresses and messages into the planner's statistics, where they outlive their erasure.
ALTER TABLE gift_cards.recipients
  ALTER COLUMN recipient_email SET STATISTICS 0, ALTER COLUMN message SET STATISTICS 0;
ALTER INDEX gift_cards.recipients_email ALTER COLUMN 2 SET STATISTICS 0;

CREATE TABLE gift_cards.deliveries (
  id           uuid        PRIMARY KEY,
  tenant       text        NOT NULL,
  card_id      uuid        NOT NULL REFERENCES gift_cards.cards (id),
  sealed_code  text,
  status       text        NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
  created_at   timestamptz NOT NULL,
  delivered_at timestamptz
);
CREATE INDEX deliveries_card ON gift_cards.deliveries (card_id, created_at);
CREATE INDEX deliveries_pending ON gift_cards.deliveries (created_at) WHERE status = 'pending';

CREATE TABLE gift_cards.batches (
  id            uuid        PRIMARY KEY,
  tenant        text        NOT NULL,
  card_count    integer     NOT NULL CHECK (card_count > 0),
  created_count integer     NOT NULL DEFAULT 0 CHECK (created_count BETWEEN 0 AND card_count),
  amount        bigint      NOT NULL CHECK (amount > 0),
  currency      text        NOT NULL,
  prefix        text        NOT NULL,
  code_length   integer     NOT NULL,
  purchaser_id  text        NOT NULL,
  expires_at    timestamptz,
  sealed_seed   text,
  status        text        NOT NULL CHECK (status IN ('running', 'ready', 'destroyed', 'cancelled')),
  codes_until   timestamptz NOT NULL,
  created_at    timestamptz NOT NULL
);
CREATE INDEX batches_running ON gift_cards.batches (created_at, id) WHERE status = 'running';
CREATE INDEX batches_codes ON gift_cards.batches (codes_until) WHERE sealed_seed IS NOT NULL;

GRANT USAGE ON SCHEMA gift_cards TO portolan_app;
GRANT SELECT, INSERT ON gift_cards.transactions TO portolan_app;
GRANT SELECT, INSERT, UPDATE ON gift_cards.cards, gift_cards.redemptions, gift_cards.holds, gift_cards.refund_legs,
  gift_cards.deliveries, gift_cards.batches TO portolan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON gift_cards.recipients, gift_cards.cancelled_orders TO portolan_app;
