import type { ContextContract, OperationDefinition } from '../../application/shared/contract.ts';
import { spell, type Spelling } from '../../application/shared/spelling.ts';
import { resolve, toJsonSchema } from './json-schema.ts';
import { ENVELOPE_SCHEMAS, ErrorAnswers, RATE_LIMIT_HEADERS, successSchema } from './openapi-answers.ts';
import { sampleOf } from './openapi-samples.ts';
import { shapeOf, type OperationShape } from './operation-shape.ts';
import { SchemaBook } from './schema-book.ts';

/** What the document says about itself. */
export interface ApiInfo {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  /**
   * Where clients reach the server, `https://example.com/cards`; without it, at the root of wherever they got the
   * document from.
   */
  readonly serverUrl?: string;
}

type Part = { readonly [key: string]: unknown };

/** What links to pages of a server begin with. */
export const baseUrlOf = (serverUrl = ''): string => serverUrl.replace(/\/+$/, '');

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument extends Part {
  readonly openapi: string;
  readonly info: Omit<ApiInfo, 'serverUrl'>;
  readonly paths: { readonly [path: string]: { readonly [method: string]: Part } };
  readonly components: { readonly [section: string]: Part };
}

const parameter = (name: string): Part => ({ $ref: `#/components/parameters/${name}` });
const header = (name: string): Part => ({ $ref: `#/components/headers/${name}` });

/** Describes contracts as OpenAPI 3.1. Throws, naming operation or event and field, where JSON cannot carry a schema. */
export function openApiDocument(
  contracts: readonly ContextContract[],
  { serverUrl, ...info }: ApiInfo,
): OpenApiDocument {
  const schemas = new SchemaBook();
  const errors = new ErrorAnswers(baseUrlOf(serverUrl));
  for (const [name, schema] of Object.entries(ENVELOPE_SCHEMAS)) schemas.add(name, schema as Part);
  const paths: { [path: string]: { [method: string]: Part } } = {};
  const events: { [type: string]: Part } = {};
  for (const contract of contracts) {
    for (const [verb, definition] of Object.entries(contract.operations)) {
      const spelling = spell(contract, verb);
      const shape = shapeOf(spelling.word, definition);
      const method = shape.queryFields === undefined ? 'post' : 'get';
      const parts = { schemas, errors, spelling, definition, shape };
      paths[spelling.path] = { [method]: { tags: [contract.name], ...operation(parts, method) } };
    }
    for (const [type, { summary, version, key, payload }] of Object.entries(contract.events)) {
      const schema = toJsonSchema(payload, 'output', `event ${type}: payload`);
      events[type] = { summary, version, key, payload: schemas.add(type, schema) };
    }
  }
  return {
    openapi: '3.1.1',
    info,
    ...(serverUrl !== undefined && { servers: [{ url: serverUrl }] }),
    tags: contracts.map(({ name, permissions = {} }) => ({ name, 'x-permissions': permissions })),
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: schemas.toJSON(),
      responses: errors.responses,
      examples: errors.examples,
      parameters: PARAMETERS,
      headers: HEADERS,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A JWT or an API token' } },
    },
    'x-events': events,
  };
}

interface Parts {
  readonly schemas: SchemaBook;
  readonly errors: ErrorAnswers;
  readonly spelling: Spelling;
  readonly definition: OperationDefinition;
  readonly shape: OperationShape;
}

function operation(parts: Parts, method: 'get' | 'post'): Part {
  const { schemas, errors, spelling, definition, shape } = parts;
  const { word, permission } = spelling;
  const { kind, summary, own = false, rateLimit } = definition;
  const input = schemas.add(`${word}.input`, shape.input);
  const notes = [`Needs the permission \`${permission}\`${own ? `, or \`${permission}:own\` for one's own` : ''}.`];
  if (method === 'get') notes.push('POST with the same input as a JSON body does the same.');
  const sample = sampleOf(shape.input, shape.input);
  const body = { required: true, content: { 'application/json': { schema: input, example: sample } } };
  return {
    operationId: word,
    summary,
    description: notes.join(' '),
    parameters: [...ownParameters(parts, method), ...frameParameters(definition, method)],
    ...(method === 'post' ? { requestBody: body } : {}),
    responses: { ...success(parts, method), ...errors.of(definition, method) },
    'x-kind': kind,
    'x-permission': permission,
    'x-own': own,
    ...(rateLimit === undefined ? {} : { 'x-rate-limit': { windowSeconds: 60, ...rateLimit } }),
  };
}

function ownParameters({ schemas, spelling, shape }: Parts, method: 'get' | 'post'): Part[] {
  if (method === 'post') return [];
  const { properties = {}, required = [] } = resolve(shape.input, shape.input);
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: schemas.part(`${spelling.word}.input`, property),
  }));
}

function frameParameters(definition: OperationDefinition, method: 'get' | 'post'): Part[] {
  if (definition.kind === 'command') {
    const required = definition.idempotency === 'required';
    return [parameter(required ? 'IdempotencyKey' : 'OptionalIdempotencyKey'), parameter('CorrelationId')];
  }
  const tagged = definition.kind === 'query' && method === 'get' ? [parameter('IfNoneMatch')] : [];
  return [parameter(method === 'get' ? 'After' : 'AfterHeader'), parameter('CorrelationId'), ...tagged];
}

function success({ schemas, spelling, definition, shape }: Parts, method: 'get' | 'post'): Part {
  const data = schemas.add(`${spelling.word}.output`, shape.output);
  // A limit that the contract doesn't state may be one of the configuration.
  const headers: { [name: string]: Part } = { 'X-Correlation-Id': header('CorrelationId'), ...RATE_LIMIT_HEADERS };
  if (definition.kind === 'stream') {
    const content = { 'application/x-ndjson': { schema: data }, 'text/csv': { schema: { type: 'string' } } };
    return { 200: { description: 'One item a line', headers, content } };
  }
  const content = { 'application/json': { schema: successSchema(data) } };
  if (definition.kind === 'command' || method === 'post') return { 200: { description: 'Done', headers, content } };
  return {
    200: { description: 'Found', headers: { ...headers, ETag: header('ETag') }, content },
    304: { description: 'The same data as the entity tag in If-None-Match stands for' },
  };
}

const text = { type: 'string' };
const key = { ...text, minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' };
const inHeader = (name: string, required: boolean, description: string, schema: Part = text): Part => ({
  name,
  in: 'header',
  required,
  description,
  schema,
});

const PARAMETERS: Part = {
  IdempotencyKey: inHeader('Idempotency-Key', true, 'Chosen by the caller; the same key is carried out once', key),
  OptionalIdempotencyKey: inHeader(
    'Idempotency-Key',
    false,
    'Not needed: repeating is harmless. A repeated key may get the first answer again',
    key,
  ),
  CorrelationId: inHeader('X-Correlation-Id', false, 'Names this request in logs; made up where it is missing'),
  IfNoneMatch: inHeader('If-None-Match', false, 'Entity tag of data that the caller still has'),
  AfterHeader: inHeader('Portolan-After', false, 'A `meta.position`: the answer has seen that change'),
  After: {
    name: 'after',
    in: 'query',
    description: 'A `meta.position`: the answer has seen that change',
    schema: text,
  },
};

const limitHeader = (description: string, schema: Part): Part => ({
  description: `${description}; absent where the caller has no limit`,
  required: false,
  schema,
});

const HEADERS: Part = {
  CorrelationId: { description: 'Names this request in logs', schema: text },
  ETag: { description: 'Weak entity tag of the data', schema: text },
  RetryAfter: { description: 'Seconds after which to repeat the request', schema: { type: 'integer' } },
  RateLimitLimit: limitHeader('Calls in a window', { type: 'integer' }),
  RateLimitRemaining: limitHeader('Calls left in this window', { type: 'integer' }),
  RateLimitReset: limitHeader('Seconds until calls are there again', { type: 'integer' }),
  RateLimitPolicy: limitHeader('Calls and the seconds of their window, `60;w=60`', text),
};
