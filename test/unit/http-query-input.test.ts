import { expect } from 'chai';
import { InvalidInput, MalformedRequest } from '../../src/application/shared/errors.ts';
import type { QueryField } from '../../src/interfaces/http/operation-shape.ts';
import { queryInput } from '../../src/interfaces/http/query-input.ts';

const fields = new Map<string, QueryField>([
  ['text', { type: 'string', repeated: false }],
  ['limit', { type: 'integer', repeated: false }],
  ['ratio', { type: 'number', repeated: false }],
  ['sent', { type: 'boolean', repeated: false }],
  ['tags', { type: 'string', repeated: true }],
  ['numbers', { type: 'integer', repeated: true }],
]);
const inputOf = (query: string): unknown => queryInput(query, fields).input;

describe('input from a query string', () => {
  it('is read by the types of its fields', () => {
    expect(inputOf('text=caf%C3%A9+au+lait&limit=7&ratio=-2.5e3&sent=false')).to.deep.equal({
      text: 'café au lait',
      limit: 7,
      ratio: -2500,
      sent: false,
    });
  });

  it('makes lists by repetition, also of one element', () => {
    expect(inputOf('tags=a&numbers=1&tags=b&tags=')).to.deep.equal({ tags: ['a', 'b', ''], numbers: [1] });
  });

  it('leaves what is no number or boolean as text, for the schema to refuse', () => {
    expect(inputOf('limit=1.5&ratio=0x10&sent=yes')).to.deep.equal({ limit: '1.5', ratio: '0x10', sent: 'yes' });
    expect(inputOf('limit=&numbers=99999999999999999999')).to.deep.equal({
      limit: '',
      numbers: ['99999999999999999999'],
    });
  });

  it('keeps unknown names, so that a strict schema can name them', () => {
    expect(inputOf('other=1&flag')).to.deep.equal({ other: '1', flag: '' });
  });

  it('takes the log position out of the input', () => {
    expect(queryInput('after=e.5&limit=1', fields)).to.deep.equal({ input: { limit: 1 }, after: 'e.5' });
  });

  it('refuses a single field that comes twice, naming it', () => {
    expect(() => inputOf('limit=1&limit=2'))
      .to.throw(InvalidInput)
      .with.nested.property('details.issues[0].path', 'limit');
    expect(() => inputOf('after=a.1&after=a.2')).to.throw(InvalidInput);
  });

  it('refuses broken percent encoding and broken UTF-8', () => {
    expect(() => inputOf('text=%')).to.throw(MalformedRequest);
    expect(() => inputOf('text=%ff')).to.throw(MalformedRequest);
    expect(() => inputOf('text=%ed%a0%80')).to.throw(MalformedRequest);
  });

  it('refuses NUL and names that reach a prototype, naming the field', () => {
    expect(() => inputOf('text=a%00b'))
      .to.throw(InvalidInput)
      .with.nested.property('details.issues[0].path', 'text');
    expect(() => inputOf('__proto__=1')).to.throw(InvalidInput);
    expect(() => inputOf('constructor=1')).to.throw(InvalidInput);
  });
});
