import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';
import { postgresGiftCardSite } from '../support/postgres-gift-card-site.ts';

describe('the codes of a batch on PostgreSQL', function () {
  this.timeout(60_000);
  let site: Awaited<ReturnType<typeof postgresGiftCardSite>>;

  before(async () => {
    site = await postgresGiftCardSite();
  });
  after(() => site?.close());

  function worldWith(batchCodesSeconds: number): GiftCardWorld {
    const { repository: cards, reader, bulkIssuer: bulk, eraser, marks } = site;
    return new GiftCardWorld({ batchCodesSeconds }, (ports) => ({ ...ports, cards, reader, bulk, eraser, marks }));
  }

  it("end by the database's clock, though nothing has swept", async () => {
    const [ended, kept] = [worldWith(0), worldWith(3600)];
    const told = async (world: GiftCardWorld, key: string) => {
      const { batchId, cards } = await world.call('bulkCreate', { count: 2, amount: usd('5.00') }, { key });
      const download = await world.download(batchId).then(
        (items) => items.length,
        ({ code }: { code: string }) => code,
      );
      const { status } = await world.call('getBatch', { batchId });
      return { codes: cards.filter((card) => 'code' in card).length, download, status };
    };
    expect(await told(ended, 'ended')).to.deep.equal({
      ...{ codes: 0, download: 'gift_cards.batch_codes_destroyed', status: 'ready' },
    });
    expect(await told(kept, 'kept')).to.deep.equal({ codes: 2, download: 2, status: 'ready' });
  });
});
