import { expect } from 'chai';
import { describe, it } from 'mocha';
import { z } from 'zod';
import { context, query, sampled, type ContextContract } from '../../src/application/shared/contract.ts';
import { spell } from '../../src/application/shared/spelling.ts';
import { APPLICATION_CONTRACTS } from '../../src/composition/contracts.ts';
import { parseCode } from '../../src/domain/gift-cards/code.ts';
import { toJsonSchema, type JsonSchema } from '../../src/interfaces/http/json-schema.ts';
import { sampleOf } from '../../src/interfaces/http/openapi-samples.ts';
import { openApiDocument } from '../../src/interfaces/http/openapi.ts';

interface Body {
  readonly content: { readonly 'application/json': { readonly example: { readonly [field: string]: unknown } } };
}

const { paths } = openApiDocument(APPLICATION_CONTRACTS, { title: 'Portolan', version: '1' });
const operations = APPLICATION_CONTRACTS.flatMap((contract: ContextContract) =>
  Object.entries(contract.operations).map(([verb, { input }]) => ({ input, ...spell(contract, verb) })),
);
const bodies = operations.flatMap(({ word, path, input }) => {
  const body = paths[path]?.['post']?.['requestBody'] as Body | undefined;
  return body === undefined ? [] : [{ word, input, sample: body.content['application/json'].example }];
});
const sampleFor = (word: string) => bodies.find((body) => body.word === word)?.sample;

/** Texts of an input, at any depth, that the schema leaves open. */
function openTexts(
  schema: JsonSchema,
  path: string,
): readonly { readonly path: string; readonly schema: JsonSchema }[] {
  const { properties = {}, items, anyOf = [] } = schema;
  if (schema.examples !== undefined) return [];
  const inner = [
    ...Object.entries(properties).map(([name, part]) => [part, `${path}.${name}`] as const),
    ...[...(items === undefined ? [] : [items]), ...anyOf].map((part) => [part, path] as const),
  ].flatMap(([part, at]) => openTexts(part, at));
  const isOpen = schema.type === 'string' && ['enum', 'const', 'default'].every((word) => schema[word] === undefined);
  return isOpen ? [{ path, schema }, ...inner] : inner;
}

describe('Samples in the OpenAPI document', () => {
  for (const { word, input, sample } of bodies) {
    it(`${word} takes the body as it stands`, () => {
      const { error } = input.safeParse(sample);
      expect(error?.issues, JSON.stringify(sample)).to.equal(undefined);
    });
  }

  it('are there for every operation that is called with a body', () => {
    const posted = Object.values(paths).filter((methods) => methods['post'] !== undefined);
    expect(bodies).to.have.lengthOf(posted.length).above(20);
  });

  it('say what a newcomer would', () => {
    const amount = { amount: '25.00', currency: 'USD' };
    expect(sampleFor('GiftCard.create')).to.deep.equal({ amount, purchaserId: 'user_123' });
    const { code, ...redemption } = sampleFor('GiftCard.redeem') ?? {};
    expect(redemption).to.deep.equal({ orderId: 'order_1001', amount });
    expect(sampleFor('GiftCard.checkBalance')).to.deep.equal({ code });
    const { fromCode, toCode } = sampleFor('GiftCard.transfer') ?? {};
    expect(fromCode).to.equal(code).and.not.to.equal(toCode);
    for (const text of [fromCode, toCode]) expect(parseCode(String(text)), 'check symbol').not.to.equal(undefined);
  });

  for (const { word, input } of operations) {
    it(`${word} has an example for each text of its input, which the field takes`, () => {
      expect(openTexts(toJsonSchema(input, 'input', word), word).map(({ path }) => path)).to.deep.equal([]);
      const { shape } = input as z.ZodObject;
      const { properties = {} } = toJsonSchema(input, 'input', word);
      for (const [field, schema] of Object.entries(properties)) {
        for (const example of (schema['examples'] as readonly unknown[] | undefined) ?? []) {
          expect(z.safeParse(shape[field] ?? z.never(), example).error, `${field}: ${String(example)}`).to.equal(
            undefined,
          );
        }
      }
    });
  }

  it('are made of what schemas say, and of required and marked fields only', () => {
    const part = z.strictObject({ count: z.int().min(3), on: z.boolean(), kind: z.enum(['a', 'b']).nullable() });
    const input = z.strictObject({
      list: z.array(part),
      text: z.string().default('given'),
      marked: sampled(z.literal('yes')).optional(),
      left: z.string().optional(),
    });
    const schema = toJsonSchema(input, 'input', 'x');
    const inner = { count: 3, on: true, kind: 'a' };
    expect(sampleOf(schema, schema)).to.deep.equal({ list: [inner], marked: 'yes' });
    const operations = { get: query({ summary: 'x', input, output: z.null(), errors: [] }) };
    const named = openApiDocument([context({ name: 'a', noun: 'A', operations, events: {} })], {
      title: 'x',
      version: '1',
    });
    expect(JSON.stringify(named)).to.include('"x-sampled":true');
  });
});
