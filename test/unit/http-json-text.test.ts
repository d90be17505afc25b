import { expect } from 'chai';
import { InvalidInput, MalformedRequest } from '../../src/application/shared/errors.ts';
import type { DomainError } from '../../src/domain/shared/domain-error.ts';
import { parseJson } from '../../src/interfaces/http/json-text.ts';

const failure = (text: string): DomainError => {
  try {
    parseJson(text);
  } catch (error) {
    return error as DomainError;
  }
  throw new Error('nothing was thrown');
};
const pathOf = (text: string): unknown => {
  const error = failure(text);
  expect(error).to.be.instanceOf(InvalidInput);
  return (error.details['issues'] as unknown as { path: string }[])[0]?.path;
};

describe('JSON text of a request', () => {
  it('is parsed into its value', () => {
    expect(parseJson('{"a":[1,"é",null,true,{"b":"\\ud83d\\ude00"}]}')).to.deep.equal({
      a: [1, 'é', null, true, { b: '😀' }],
    });
  });

  it('is refused when it is no JSON, without quoting what it holds', () => {
    for (const text of ['{', '', 'hunter2', '{"a":1}x', '[1,]', '\ufeff{}', "{'a':1}"]) {
      const error = failure(text);
      expect(error).to.be.instanceOf(MalformedRequest);
      expect(error.message).to.not.contain('hunter2');
    }
  });

  it('is refused with the path of a text that holds NUL', () => {
    expect(pathOf('{"a":{"list":["x","y\\u0000"]}}')).to.equal('a.list.1');
  });

  it('is refused with the path of a lone surrogate of either kind', () => {
    expect(pathOf('{"note":"\\ud800"}')).to.equal('note');
    expect(pathOf('{"note":"x\\uDFFFy"}')).to.equal('note');
  });

  it('is refused with the path of a name that reaches a prototype, however it is written', () => {
    expect(pathOf('{"__proto__":{"admin":true}}')).to.equal('__proto__');
    expect(pathOf('{"a":{"constructor":{}}}')).to.equal('a.constructor');
    expect(pathOf('{"\\u005f_proto__":1}')).to.equal('__proto__');
    expect(pathOf('[{"const\\u0072uctor":1}]')).to.equal('0.constructor');
  });

  it('is refused where a name itself holds NUL or a lone surrogate, naming the object around it', () => {
    expect(pathOf('{"a":{"x\\u0000":1}}')).to.equal('a');
    expect(pathOf('{"\\ud800":1}')).to.equal('');
  });

  it('may speak of prototypes and constructors in its texts', () => {
    expect(parseJson('{"note":"__proto__ and \\"constructor\\""}')).to.deep.equal({
      note: '__proto__ and "constructor"',
    });
  });

  it('is refused beyond 64 levels and not below, brackets in texts not counted', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(parseJson(nested(64))).to.be.an('array');
    expect(failure(nested(65))).to.be.instanceOf(MalformedRequest);
    expect(failure('{"a":'.repeat(50_000))).to.be.instanceOf(MalformedRequest);
    const text = `${'['.repeat(500)}\\"${'{'.repeat(500)}`;
    expect(parseJson(`["${text}",{}]`)).to.be.an('array');
  });
});
