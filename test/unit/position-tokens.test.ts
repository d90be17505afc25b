import { expect } from 'chai';
import { InvalidInput, PositionUnavailable } from '../../src/application/shared/errors.ts';
import { positionTokens } from '../../src/application/shared/position-tokens.ts';

describe('position tokens', () => {
  const tokens = positionTokens('e1.b');

  it('give back the position that they were made of', () => {
    for (const position of [0n, 1n, 2n ** 63n - 1n]) expect(tokens.parse(tokens.format(position))).to.equal(position);
  });

  it('of another epoch are refused as unavailable', () => {
    expect(() => tokens.parse(positionTokens('e2').format(1n))).to.throw(PositionUnavailable);
  });

  it('that are none are refused as input', () => {
    for (const text of ['', '5', 'e1.b.', 'e1.b.-1', 'e1.b.1x', `e1.b.${2n ** 63n}`, `e1.b.${'9'.repeat(20)}`]) {
      expect(() => tokens.parse(text), text).to.throw(InvalidInput);
    }
  });
});
