import { expect } from 'chai';
import { createLogMailer } from '../../src/infrastructure/log/log-mailer.ts';
import { logBook } from '../support/log-lines.ts';

const CODE = 'GIFT-7K2M-9PQR-STVW-XYZ0';
const MAIL = {
  to: 'mathilda.oyelaran@mailbox.example',
  subject: 'Mathilda, a card from Quentin',
  text: `Your code: ${CODE}`,
  html: `<b>${CODE}</b>`,
};

describe('Mailer that only logs', () => {
  for (const format of ['json', 'text'] as const) {
    it(`leaves no piece of address, subject or code in the log (${format})`, async () => {
      const { logger, text } = logBook({ format });
      await createLogMailer(logger).send(MAIL, { idempotencyKey: 'delivery-4711' });
      const written = await text();
      expect(written).to.include('a mail would have been sent').and.include('***');
      const pieces = [...CODE.split('-').slice(1), ...MAIL.to.split(/[@.]/).slice(0, 3), 'Mathilda', 'Quentin', '4711'];
      for (const piece of pieces) expect(written.toLowerCase(), piece).to.not.include(piece.toLowerCase());
    });
  }

  it('leaves a line for each mail', async () => {
    const { logger, lines } = logBook();
    const mailer = createLogMailer(logger);
    await Promise.all([mailer.send(MAIL), mailer.send(MAIL)]);
    expect(await lines()).to.have.length(2);
  });
});
