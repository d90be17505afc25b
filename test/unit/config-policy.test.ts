import { expect } from 'chai';
import { loadConfig } from '../../src/composition/config.ts';
import { policyOf } from '../../src/composition/gift-cards-module.ts';

describe('the policy of gift cards', () => {
  const now = new Date('2027-06-01T00:00:00Z');
  const expiry = (GIFT_CARD_EXPIRY_DAYS: string): Date | null =>
    policyOf(loadConfig({ GIFT_CARD_EXPIRY_DAYS })).expiry(now, 'USD');

  it('lets cards live for a year by the calendar, leap years included', () => {
    expect(expiry('')).to.deep.equal(new Date('2028-06-01T00:00:00Z'));
  });

  it('lets cards live for as many days as the settings say', () => {
    expect(expiry('2')).to.deep.equal(new Date('2027-06-03T00:00:00Z'));
  });

  it('keeps codes of batches and of mails as long as the settings say', () => {
    const settings = { GIFT_CARD_BATCH_CODES_HOURS: '48', GIFT_CARD_MAIL_CODES_HOURS: '24' };
    expect(policyOf(loadConfig(settings))).to.include({ batchCodesSeconds: 172_800, mailCodesSeconds: 86_400 });
  });

  it('lets them live without end where the settings say 0', () => {
    expect(expiry('0')).to.equal(null);
  });
});
