import { after, before, describe, it } from 'mocha';
import { silentLogger } from '../../src/application/shared/logger.ts';
import { mailerContract } from '../../src/contracts/mail/mailer-contract.ts';
import { createLogMailer } from '../../src/infrastructure/log/log-mailer.ts';
import { createSmtpMailer } from '../../src/infrastructure/smtp/smtp-mailer.ts';
import { startSmtpServer } from '../support/smtp-server.ts';

const runner = { describe, it, before, after };

mailerContract(runner, 'Mailer over SMTP', async () => {
  const server = await startSmtpServer();
  const mailer = createSmtpMailer({ url: `smtp://127.0.0.1:${server.port}`, from: 'Shop <shop@example.com>' });
  return {
    mailer,
    deliveredTo: (address) => server.deliveredTo(address),
    async close() {
      await mailer.close();
      await server.close();
    },
  };
});

mailerContract(
  runner,
  'Mailer that only logs',
  () =>
    Promise.resolve({
      mailer: createLogMailer(silentLogger),
      deliveredTo: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    }),
  ['delivers'],
);
