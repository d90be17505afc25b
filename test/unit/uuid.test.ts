import { randomFillSync } from 'node:crypto';
import { expect } from 'chai';
import { describe, it } from 'mocha';
import { uuidGenerator, uuidv7 } from '../../src/infrastructure/system/uuid.ts';

const zeros = (bytes: Uint8Array): unknown => bytes.fill(0);
const ones = (bytes: Uint8Array): unknown => bytes.fill(0xff);

describe('Version 7 UUIDs', () => {
  it('have the layout of RFC 9562', () => {
    expect(uuidGenerator(() => 0x0123456789ab, zeros)()).to.equal('01234567-89ab-7000-8000-000000000000');
    expect(uuidGenerator(() => 2 ** 48 - 1, ones)()).to.equal('ffffffff-ffff-77ff-bfff-ffffffffffff');
  });

  it('carry the present time and differ', () => {
    const before = Date.now();
    const ids = Array.from({ length: 10_000 }, uuidv7);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const id of ids) {
      expect(id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    const time = Number.parseInt(ids[0]!.replace('-', '').slice(0, 12), 16);
    expect(time).to.be.within(before, Date.now());
  });

  it('sort in the order in which they were made, also when the clock stands still or is set back', () => {
    let clock = 1_700_000_000_000;
    const next = uuidGenerator(() => clock, randomFillSync);
    const ids: string[] = [];
    for (let count = 0; count < 30_000; count += 1) {
      if (count === 10_000) clock -= 60_000;
      if (count === 20_000) clock += 120_000;
      ids.push(next());
    }
    expect(ids).to.deep.equal([...ids].sort());
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('draw new random bits for each id', () => {
    let filled = 0;
    const next = uuidGenerator(Date.now, (bytes) => {
      filled += 1;
      return randomFillSync(bytes);
    });
    const tails = Array.from({ length: 4_000 }, () => next().slice(19));
    expect(new Set(tails).size).to.equal(tails.length);
    expect(filled).to.be.within(5, 20);
  });
});
