import { expect } from 'chai';
import { before, describe, it } from 'mocha';
import { isDead } from '../../src/application/shared/event-log-rules.ts';
import { InvalidInput } from '../../src/application/shared/errors.ts';
import { judge } from '../../src/domain/shared/decision.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';
import { summarizeFailure } from '../../src/infrastructure/jobs/failure-summary.ts';
import { failureOf, needsReport } from '../../src/interfaces/http/failure.ts';

const source = '../../src/domain/shared/domain-error.ts';

describe('a domain error', () => {
  let Other: typeof DomainError;
  let refusal: unknown;
  before(async () => {
    ({ DomainError: Other } = (await import(`${source}?copy`)) as { readonly DomainError: typeof DomainError });
    class StockMissing extends Other {
      static readonly code = 'shop.stock_missing';
      static readonly kind = 'not_found';
    }
    refusal = new StockMissing('There is none left.');
  });

  it('of another copy of the package is one here too, and the other way round', () => {
    expect(Other).not.to.equal(DomainError);
    expect(refusal instanceof DomainError).to.equal(true);
    expect(new InvalidInput('No.') instanceof Other).to.equal(true);
  });

  it('of another copy is a refusal, and told by its code and kind', () => {
    const decide = (): never => {
      throw refusal;
    };
    expect(judge(decide)).to.deep.equal({ kind: 'refused', error: refusal, events: [] });
    expect(needsReport(refusal)).to.equal(false);
    expect(failureOf(refusal, 'correlation')).to.include({ status: 404, code: 'shop.stock_missing' });
    expect(isDead({ name: 'shop', filter: {}, handle: async () => undefined }, 1, refusal)).to.equal(true);
    expect(summarizeFailure(refusal)).to.deep.include({ code: 'shop.stock_missing', message: 'There is none left.' });
  });

  it('is of a subclass by its own class only', () => {
    class Refined extends InvalidInput {}
    expect(refusal instanceof InvalidInput).to.equal(false);
    expect(new InvalidInput('No.') instanceof Refined).to.equal(false);
    expect(new Refined('No.') instanceof InvalidInput).to.equal(true);
    expect(InvalidInput.prototype instanceof DomainError).to.equal(true);
  });

  it('is nothing else', () => {
    const others: readonly unknown[] = [new Error('No.'), {}, Object.create(null), null, undefined, 'text', 1];
    for (const other of [...others, DomainError, InvalidInput, DomainError.prototype]) {
      expect(other instanceof DomainError).to.equal(false);
    }
  });
});
