import { randomFillSync } from 'node:crypto';
import {
  DEFAULT_POLICY,
  erasePerson,
  GIFT_CARD_ERRORS,
  GIFT_CARD_SCHEDULES,
  giftCardConsumers,
  giftCardHandlers,
  giftCardJobs,
  giftCards,
  type GiftCardPolicy,
  type GiftCardPorts,
} from '../application/gift-cards/index.ts';
import type { Logger } from '../application/shared/logger.ts';
import { MailUnavailable, type Mailer } from '../application/shared/mailer.ts';
import { DEFAULT_CODE_FORMAT } from '../domain/gift-cards/code.ts';
import { createLogMailer } from '../infrastructure/log/log-mailer.ts';
import { PostgresBulkIssuer } from '../infrastructure/postgres/postgres-bulk-issuer.ts';
import { PostgresGiftCardReader } from '../infrastructure/postgres/postgres-gift-card-reader.ts';
import { PostgresGiftCards } from '../infrastructure/postgres/postgres-gift-cards.ts';
import { PostgresOrderMarks } from '../infrastructure/postgres/postgres-order-marks.ts';
import { PostgresRecipientEraser } from '../infrastructure/postgres/postgres-recipient-eraser.ts';
import { createGuessGuard } from '../infrastructure/rate-limit/guess-guard.ts';
import { createSmtpMailer } from '../infrastructure/smtp/smtp-mailer.ts';
import { createCodeVault } from '../infrastructure/system/code-vault.ts';
import { hmacSha256 } from '../infrastructure/system/keyed-hash.ts';
import { nextTurn } from '../infrastructure/system/pause.ts';
import { uuidv7 } from '../infrastructure/system/uuid.ts';
import type { Config } from './config.ts';
import { contextModule, type ContextModule } from './context-module.ts';
import type { Resources } from './resources.ts';
import { token, type Wiring } from './token.ts';
import * as tokens from './tokens.ts';

export const GIFT_CARD_PORTS = token<GiftCardPorts>('gift card ports');
export const GIFT_CARDS = token<ContextModule>('gift cards');

const DAY_MS = 24 * 3_600_000;

/** Gift cards on PostgreSQL. */
export function bindGiftCards(wiring: Wiring): void {
  const { QUERY_POOL, GROUP_COMMIT, COUNTERS, SEALER, PEPPERS, CONFIG, LOGGER, RESOURCES, WAKEUP, JOB_QUEUE } = tokens;
  wiring.single(
    GIFT_CARD_PORTS,
    [QUERY_POOL, GROUP_COMMIT, COUNTERS, SEALER, PEPPERS, CONFIG, LOGGER, RESOURCES, WAKEUP, JOB_QUEUE],
    (pool, groupCommit, counters, sealer, peppers, config, logger, resources, wakeup, jobs): GiftCardPorts => {
      const cards = new PostgresGiftCards(GIFT_CARD_ERRORS, groupCommit('gift-cards'));
      return {
        cards: resources.own('gift cards', cards, () => cards.close()),
        reader: new PostgresGiftCardReader(pool),
        bulk: new PostgresBulkIssuer(pool, uuidv7, () => wakeup.committed()),
        eraser: new PostgresRecipientEraser(pool),
        marks: new PostgresOrderMarks(pool),
        vault: createCodeVault(peppers),
        sealer,
        guard: createGuessGuard({
          counters,
          now: Date.now,
          client: { max: config.guessLimitPerMinute },
          total: { max: config.guessLimitTotalPerMinute },
        }),
        mailer: mailerOf(config, logger, resources),
        jobs,
        policy: policyOf(config),
        ids: uuidv7,
        randomBytes: (count) => randomFillSync(new Uint8Array(count)),
        hmacSha256,
        nextTurn,
      };
    },
  );
  wiring.single(GIFT_CARDS, [GIFT_CARD_PORTS], (ports) =>
    contextModule(giftCards, giftCardHandlers(ports), {
      consumers: giftCardConsumers(ports),
      jobs: giftCardJobs(ports),
      schedules: GIFT_CARD_SCHEDULES,
      erasers: [{ context: giftCards.name, erase: erasePerson(ports) }],
    }),
  );
}

/**
 * Sends by the configured mail server. Without one, mails are noted in the log; in production they fail instead, since
 * what counts as sent loses its code.
 */
export function mailerOf(
  { smtpUrl, mailFrom, nodeEnv }: Pick<Config, 'smtpUrl' | 'mailFrom' | 'nodeEnv'>,
  logger: Logger,
  resources: Resources,
): Mailer {
  if (smtpUrl !== undefined && mailFrom !== undefined) {
    const mailer = createSmtpMailer({ url: smtpUrl, from: mailFrom });
    return resources.own('mailer', mailer, () => mailer.close());
  }
  return nodeEnv === 'production' ? noMailer : createLogMailer(logger);
}

const noMailer: Mailer = {
  async send() {
    throw new MailUnavailable('No mail can be sent: SMTP_URL is not set.');
  },
};

const expiryAfter =
  (days: number): GiftCardPolicy['expiry'] =>
  (now) =>
    days === 0 ? null : new Date(now.getTime() + days * DAY_MS);

/** The policy that the configuration states. */
export function policyOf(config: Config): GiftCardPolicy {
  const [length = DEFAULT_CODE_FORMAT.length] = config.giftCardCodeLengths;
  const days = config.giftCardExpiryDays;
  return {
    ...DEFAULT_POLICY,
    ...(days !== undefined && { expiry: expiryAfter(days) }),
    expiryAccount: config.giftCardExpiryAccount,
    cancelMarkSeconds: config.giftCardCancelMarkHours * 3600,
    codeFormat: { prefix: config.giftCardCodePrefix, length },
    codeLengths: config.giftCardCodeLengths,
    batchCodesSeconds: config.giftCardBatchCodesHours * 3600,
    mailCodesSeconds: config.giftCardMailCodesHours * 3600,
  };
}
