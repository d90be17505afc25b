import { expect } from 'chai';
import { z } from 'zod';
import {
  command,
  personal,
  query,
  secret,
  stream,
  type OperationDefinition,
} from '../../src/application/shared/contract.ts';
import { csvColumns, csvLine } from '../../src/interfaces/http/csv.ts';
import { toJsonSchema } from '../../src/interfaces/http/json-schema.ts';
import { shapeOf } from '../../src/interfaces/http/operation-shape.ts';

const answer = { summary: 'Test', output: z.null(), errors: [] };
const fieldsOf = (input: z.ZodType): unknown => {
  const { queryFields } = shapeOf('Test.find', query({ ...answer, input }));
  return queryFields && Object.fromEntries(queryFields);
};

describe('the shape of an operation', () => {
  it('lets scalars and lists of scalars travel in a query string', () => {
    const input = z.strictObject({
      text: z.string().optional(),
      limit: z.int().default(1),
      ratio: z.number().optional(),
      sent: z.boolean(),
      status: z.enum(['a', 'b']).optional(),
      choice: z.union([z.literal('x'), z.literal('y')]),
      since: z.iso.datetime(),
      tags: z.array(z.string()).default([]),
    });
    const one = (type: string): unknown => ({ type, repeated: false });
    expect(fieldsOf(input)).to.deep.equal({
      text: one('string'),
      limit: one('integer'),
      ratio: one('number'),
      sent: one('boolean'),
      status: one('string'),
      choice: one('string'),
      since: one('string'),
      tags: { type: 'string', repeated: true },
    });
  });

  it('keeps what is secret or personal out of URLs, at whatever depth it is marked', () => {
    expect(fieldsOf(z.strictObject({ pin: secret(z.string()) }))).to.equal(undefined);
    expect(fieldsOf(z.strictObject({ pin: secret(z.string()).optional().describe('The pin') }))).to.equal(undefined);
    expect(fieldsOf(z.strictObject({ pins: z.array(secret(z.string())) }))).to.equal(undefined);
    expect(fieldsOf(z.strictObject({ email: personal(z.string()).default('') }))).to.equal(undefined);
  });

  it('keeps what a query string cannot say out of it: objects, null, mixed types, free names', () => {
    expect(fieldsOf(z.strictObject({ range: z.strictObject({ from: z.int() }) }))).to.equal(undefined);
    expect(fieldsOf(z.strictObject({ text: z.string().nullable() }))).to.equal(undefined);
    expect(fieldsOf(z.strictObject({ id: z.union([z.string(), z.int()]) }))).to.equal(undefined);
    expect(fieldsOf(z.strictObject({ grid: z.array(z.array(z.int())) }))).to.equal(undefined);
    expect(fieldsOf(z.record(z.string(), z.string()))).to.equal(undefined);
    expect(fieldsOf(z.object({}).catchall(z.string()))).to.equal(undefined);
    expect(fieldsOf(z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]))).to.equal(undefined);
  });

  it('puts streams into URLs as queries, and commands never', () => {
    const input = z.strictObject({});
    expect(shapeOf('Test.all', stream({ ...answer, input })).queryFields).to.not.equal(undefined);
    const definition = command({ ...answer, input, idempotency: 'none' });
    expect(shapeOf('Test.do', definition).queryFields).to.equal(undefined);
  });

  it('refuses a reader whose input takes the name of the log position', () => {
    const definition = query({ ...answer, input: z.strictObject({ after: z.string() }) });
    expect(() => shapeOf('Test.find', definition)).to.throw('Test.find: input, field after:');
  });

  const unfit: [string, z.ZodType][] = [
    ['a date', z.date()],
    ['a bigint', z.bigint()],
    ['anything', z.any()],
    ['the unknown', z.unknown()],
    ['undefined', z.undefined()],
    ['a map', z.map(z.string(), z.string())],
    ['a custom type', z.instanceof(Buffer)],
  ];
  for (const [name, schema] of unfit) {
    it(`refuses ${name} in input and output, naming operation and field`, () => {
      const fit = z.strictObject({});
      const nested = z.strictObject({ rows: z.array(z.strictObject({ cell: schema })) });
      const of = (input: z.ZodType, output: z.ZodType): OperationDefinition => query({ ...answer, input, output });
      expect(() => shapeOf('Test.find', of(nested, fit))).to.throw('Test.find: input, field rows.cell: ');
      expect(() => shapeOf('Test.find', of(fit, nested))).to.throw('Test.find: output, field rows.cell: ');
    });
  }

  it('allows a transformation of input and refuses one of output', () => {
    const length = z.string().transform((text) => text.length);
    const input = z.strictObject({ text: length });
    expect(fieldsOf(input)).to.deep.equal({ text: { type: 'string', repeated: false } });
    expect(() => shapeOf('Test.find', query({ ...answer, input: z.strictObject({}), output: length }))).to.throw(
      'Test.find: output: Transforms cannot be represented',
    );
  });

  it('leaves answers open for further fields unless their schema is strict', () => {
    const additional = (schema: z.ZodType): unknown => toJsonSchema(schema, 'output', 'test').additionalProperties;
    expect(additional(z.object({}))).to.equal(undefined);
    expect(additional(z.strictObject({}))).to.equal(false);
    expect(additional(z.record(z.string(), z.string()))).to.deep.equal({ type: 'string' });
  });

  it('carries the marks of fields as extensions and free JSON as a schema of its own', () => {
    const schema = z.object({ pin: secret(z.string()).optional(), who: personal(z.string()), data: z.json() });
    const { properties, $defs } = toJsonSchema(schema, 'output', 'test');
    expect(properties?.['pin']).to.deep.equal({ type: 'string', 'x-secret': true });
    expect(properties?.['who']).to.deep.equal({ type: 'string', 'x-personal': true });
    expect(Object.keys($defs ?? {})).to.have.length(1);
  });
});

describe('CSV', () => {
  const columns = csvColumns(
    toJsonSchema(
      z.object({
        id: z.string(),
        amount: z.object({ value: z.string(), currency: z.string() }),
        tags: z.array(z.string()),
        count: z.int().nullable(),
      }),
      'output',
      'test',
    ),
  );

  it('takes nested objects apart into dotted columns and keeps lists as JSON', () => {
    const item = { id: 'a', amount: { value: '1.00', currency: 'USD' }, tags: ['x', 'y'], count: null };
    expect(columns?.map(({ name }) => name)).to.deep.equal(['id', 'amount.value', 'amount.currency', 'tags', 'count']);
    expect(csvLine(columns?.map(({ read }) => read(item)) ?? [])).to.equal('a,1.00,USD,"[""x"",""y""]",\r\n');
    expect(columns?.map(({ read }) => read({ id: 'b' }))).to.deep.equal([
      'b',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('quotes separators, quotes and line breaks', () => {
    expect(csvLine(['a,b', 'say "x"', 'two\nlines', 'plain', 1, true])).to.equal(
      '"a,b","say ""x""","two\nlines",plain,1,true\r\n',
    );
  });

  it('keeps spreadsheets from running text as a formula, and leaves signed numbers alone', () => {
    expect(csvLine(['=1+1', '@x', '+cmd', '-5.00', '+12', '-x'])).to.equal("'=1+1,'@x,'+cmd,-5.00,+12,'-x\r\n");
  });

  it('has no columns for items that are no objects', () => {
    expect(csvColumns(toJsonSchema(z.int(), 'output', 'test'))).to.equal(undefined);
  });
});
