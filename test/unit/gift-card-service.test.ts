import { expect } from 'chai';
import { describe, it } from 'mocha';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Principal } from '../../src/application/shared/call.ts';
import { PermissionDenied, PositionUnavailable, RateLimited } from '../../src/application/shared/errors.ts';
import { MailUnavailable } from '../../src/application/shared/mailer.ts';
import { positionTokens } from '../../src/application/shared/position-tokens.ts';
import { giftCardService, type GiftCardServiceOptions } from '../../src/composition/gift-card-service.ts';
import { writeSymbols } from '../../src/domain/gift-cards/code-alphabet.ts';
import { generateCode } from '../../src/domain/gift-cards/code.ts';
import { InvalidCode } from '../../src/domain/gift-cards/errors.ts';
import { MemoryEventLog } from '../../src/infrastructure/memory/memory-event-log.ts';
import { memoryGiftCards } from '../../src/infrastructure/memory/memory-gift-cards.ts';

const PEPPERS = `1:${'5eed'.repeat(11)}`;
const UNKNOWN_CODE = 'GIFT-0000-0000-0000-0000';

const service = (options: Partial<GiftCardServiceOptions> = {}) =>
  giftCardService(memoryGiftCards({ append: new MemoryEventLog().append }), { peppers: PEPPERS, ...options });

const user = (...permissions: readonly string[]): Principal => ({
  ...{ id: 'user:1', kind: 'user', tenant: 'default', permissions: new Set(permissions) },
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
}

describe('gift cards inside of another program', () => {
  it('let the program itself do everything, in the currency of the card if it names none', async () => {
    const { GiftCard } = service().client();
    const { code = '' } = await GiftCard.create({ amount: { amount: '50.00', currency: 'EUR' }, purchaserId: '1' });
    const paid = await GiftCard.redeem({ code, orderId: '1', amount: { amount: '20.00' } });
    expect(paid.remainingBalance).to.deep.equal({ amount: '30.00', currency: 'EUR' });
  });

  it('let others do what they may', async () => {
    const { GiftCard } = service().client(user('gift-cards:check-balance'));
    const input = { amount: { amount: '50.00', currency: 'EUR' }, purchaserId: '1' };
    expect(await failureOf(GiftCard.create(input))).to.be.instanceOf(PermissionDenied);
  });

  it('slow down a principal that tries codes, but not the program, which speaks for many', async () => {
    const giftCards = service();
    const attempts = async (principal?: Principal): Promise<readonly unknown[]> => {
      const { GiftCard } = giftCards.client(principal);
      const failures: unknown[] = [];
      for (let n = 0; n < 21; n += 1) failures.push(await failureOf(GiftCard.checkBalance({ code: UNKNOWN_CODE })));
      return failures;
    };
    expect((await attempts()).at(-1)).to.be.instanceOf(InvalidCode);
    expect((await attempts(user('*'))).at(-1)).to.be.instanceOf(RateLimited);
  });

  it('write log positions as they are told to, and read no others', async () => {
    const giftCards = service({ positions: positionTokens('epoch-2') });
    const client = giftCards.client();
    const { data, meta } = await client.call('GiftCard.create', {
      amount: { amount: '50.00', currency: 'EUR' },
      purchaserId: '1',
    });
    expect(meta.position).to.equal('epoch-2.1');
    expect(giftCards.positions.parse('epoch-2.1')).to.equal(1n);
    const { id: cardId } = data as { readonly id: string };
    expect(await client.GiftCard.getCard({ cardId }, { after: 'epoch-2.1' })).to.include({ id: cardId });
    const fromBefore = client.GiftCard.getCard({ cardId }, { after: 'epoch-1.1' });
    expect(await failureOf(fromBefore)).to.be.instanceOf(PositionUnavailable);
  });

  it('keep no code as a correlation id, and every id that programs commonly make, but for a few ULIDs', async () => {
    const client = service().client();
    const idOf = async (correlationId: string): Promise<string> =>
      (await client.call('GiftCard.liabilityReport', {}, { correlationId })).meta.correlationId;
    for (let n = 0; n < 100; n += 1) {
      const code = generateCode(randomBytes).reveal();
      for (const id of [code, code.toLowerCase(), `till:${code}`, `${code}.1`]) expect(await idOf(id)).to.not.equal(id);
      const [uuid, hex] = [randomUUID(), randomBytes(16).toString('hex')];
      const trace = `00-${hex}-${hex.slice(16)}-01`;
      for (const id of [uuid, uuid.toUpperCase(), hex, trace, `shop:order-${n}`, `1-5759e988-${hex.slice(8)}`]) {
        expect(await idOf(id)).to.equal(id);
      }
    }
    // 26 symbols of the same alphabet: one in 32 has a check symbol that fits, and one in 32 ends in such 16.
    const ulids = Array.from({ length: 400 }, () => `01${writeSymbols(randomBytes(24).map((byte) => byte & 31))}`);
    const kept = await Promise.all(ulids.map(async (id) => (await idOf(id)) === id));
    expect(kept.filter(Boolean)).to.have.length.above(400 * 0.85);
  });

  it('fail to send mail where no mailer was given', async () => {
    const mail = { to: 'a@example.com', subject: 's', text: 't' };
    expect(await failureOf(service().ports.mailer.send(mail))).to.be.instanceOf(MailUnavailable);
  });

  it('take peppers as text or ready, and refuse unusable ones without telling them', () => {
    const pepper = { id: '1', secret: new Uint8Array(Buffer.from('5eed'.repeat(11), 'base64')) };
    const [keys] = [service().ports.vault.keysOf('BODY')];
    expect(service({ peppers: [pepper] }).ports.vault.keysOf('BODY')).to.deep.equal(keys);
    expect(() => service({ peppers: 'secret' })).to.throw(TypeError, /^(?!.*secret).*id:base64/);
    expect(() => service({ peppers: '' })).to.throw(TypeError);
    expect(() => service({ peppers: [] })).to.throw(TypeError);
  });
});
