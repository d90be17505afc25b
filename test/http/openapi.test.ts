import { expect } from 'chai';
import express from 'express';
import { z } from 'zod';
import { context, event, query } from '../../src/application/shared/contract.ts';
import { errorMarkdown, errorTable } from '../../src/interfaces/http/error-docs.ts';
import { openApiDocument } from '../../src/interfaces/http/openapi.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';
import { closeDemoApis, startDemoApi } from '../support/demo-api.ts';
import { parcels } from '../support/demo-contract.ts';

type Part = { readonly [key: string]: unknown };

const document = JSON.parse(JSON.stringify(openApiDocument([parcels], { title: 'Parcels', version: '1' }))) as Part;

const isPart = (value: unknown): value is Part => typeof value === 'object' && value !== null;
function at(...path: readonly string[]): Part {
  const found = path.reduce<unknown>((part, key) => (isPart(part) ? part[key] : undefined), document);
  if (!isPart(found)) throw new Error(`nothing at ${path.join(' › ')}`);
  return found;
}
/** Follows a local reference. */
function follow(part: unknown): Part {
  if (!isPart(part)) throw new Error('not an object');
  const { $ref } = part;
  return typeof $ref === 'string' ? at(...$ref.slice(2).split('/')) : part;
}
/** Visits every object of the document. */
function visit(part: unknown, see: (part: Part, path: string) => void, path = '#'): void {
  if (!isPart(part)) return;
  see(part, path);
  for (const [key, inner] of Object.entries(part)) visit(inner, see, `${path}/${key}`);
}

describe('the OpenAPI document', () => {
  it('has only references that lead somewhere', () => {
    let references = 0;
    visit(document, ({ $ref }, path) => {
      if (typeof $ref !== 'string') return;
      references++;
      expect($ref, path).to.match(/^#\/components\/[a-zA-Z]+\/[a-zA-Z0-9._-]+$/);
      expect(() => follow({ $ref }), `${path}: ${$ref}`).to.not.throw();
    });
    expect(references).to.be.greaterThan(100);
  });

  it('has the fields that OpenAPI 3.1 requires, and no others', () => {
    expect(document['openapi']).to.match(/^3\.1\.\d$/);
    expect(at('info')).to.have.keys('title', 'version');
    const known = ['openapi', 'info', 'tags', 'security', 'paths', 'components', 'x-events'];
    expect(Object.keys(document)).to.have.members(known);
    const sections = ['schemas', 'responses', 'examples', 'parameters', 'headers', 'securitySchemes'];
    expect(Object.keys(at('components'))).to.have.members(sections);
    for (const section of sections) {
      for (const name of Object.keys(at('components', section))) expect(name).to.match(/^[a-zA-Z0-9._-]+$/);
    }
    expect(at('components', 'securitySchemes', 'bearer')).to.include({ type: 'http', scheme: 'bearer' });
  });

  it('names the server where its address is known, and leaves that out of the info', () => {
    const { servers, info } = openApiDocument([], { title: 'x', version: '1', serverUrl: 'https://api.example' });
    expect(servers).to.deep.equal([{ url: 'https://api.example' }]);
    expect(info).to.deep.equal({ title: 'x', version: '1' });
  });

  it('has well-formed operations: unique ids, named parameters with schemas, responses with descriptions', () => {
    const ids = new Set<unknown>();
    for (const [path, item] of Object.entries(at('paths'))) {
      expect(path).to.match(/^\/v1\//);
      for (const [method, operation] of Object.entries(item as { [method: string]: Part })) {
        expect(method).to.be.oneOf(['get', 'post']);
        expect(ids.has(operation['operationId'])).to.equal(false);
        ids.add(operation['operationId']);
        expect(method === 'get').to.equal(operation['requestBody'] === undefined);
        for (const reference of operation['parameters'] as unknown[]) {
          const parameter = follow(reference);
          expect(parameter['in']).to.be.oneOf(['query', 'header']);
          expect(parameter['name']).to.be.a('string');
          expect(parameter['schema']).to.be.an('object');
        }
        for (const [status, reference] of Object.entries(operation['responses'] as Part)) {
          expect(status).to.match(/^[2345]\d\d$/);
          const response = follow(reference);
          expect(response['description']).to.be.a('string');
          for (const media of Object.values((response['content'] ?? {}) as { [type: string]: Part })) {
            expect(media['schema'] ?? media['examples']).to.be.an('object');
          }
        }
      }
    }
    expect([...ids]).to.have.members(Object.keys(parcels.operations).map((verb) => `Parcel.${verb}`));
  });

  it('has schemas of JSON Schema 2020-12, without leftovers of the conversion', () => {
    const types = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
    visit(at('components', 'schemas'), (part, path) => {
      for (const keyword of ['$schema', '$defs', 'secret', 'personal', 'nullable']) {
        if (!path.endsWith('/properties')) expect(part, path).to.not.have.property(keyword);
      }
      if (typeof part['type'] === 'string' && !path.endsWith('/properties'))
        expect(part['type'], path).to.be.oneOf(types);
    });
    expect(at('components', 'schemas', 'Weight')).to.include({ type: 'object' });
  });

  it('says how each operation is called', () => {
    expect(at('paths', '/v1/parcels/send')).to.have.keys('post');
    expect(at('paths', '/v1/parcels/find')).to.have.keys('get');
    expect(at('paths', '/v1/parcels/open')).to.have.keys('post');
    const send = at('paths', '/v1/parcels/send', 'post');
    expect(send).to.include({ operationId: 'Parcel.send', 'x-permission': 'parcels:send', 'x-kind': 'command' });
    expect(send['x-rate-limit']).to.deep.equal({ max: 60, windowSeconds: 60 });
    expect(send['parameters']).to.deep.include({ $ref: '#/components/parameters/IdempotencyKey' });
    expect(at('components', 'parameters', 'IdempotencyKey')).to.include({ name: 'Idempotency-Key', required: true });
    const find = at('paths', '/v1/parcels/find', 'get');
    expect(find['x-own']).to.equal(true);
    const names = (find['parameters'] as unknown[]).map((parameter) => follow(parameter)['name']);
    expect(names).to.include.members(['limit', 'tags', 'after', 'If-None-Match']);
    expect(names).to.not.include('Idempotency-Key');
    const list = at('paths', '/v1/parcels/list', 'get', 'responses', '200', 'content');
    expect(list).to.have.keys('application/x-ndjson', 'text/csv');
  });

  it('lists the headers of rate limits for every operation, since any may have a limit, and requires none', () => {
    const names = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset', 'RateLimit-Policy'];
    for (const [path, item] of Object.entries(at('paths'))) {
      for (const method of Object.keys(item as Part)) {
        const headers = at('paths', path, method, 'responses', '200', 'headers');
        expect(headers, path).to.include.keys(...names);
        for (const name of names) expect(follow(headers[name])['required'], name).to.equal(false);
      }
    }
  });

  it('marks secret and personal fields', () => {
    const pin = at('components', 'schemas', 'Parcel.open.input', 'properties', 'pin');
    expect(pin).to.deep.equal({ type: 'string', 'x-secret': true });
    expect(at('components', 'schemas', 'Parcel.byRecipient.input', 'properties', 'email')).to.include({
      'x-personal': true,
    });
    expect(at('components', 'schemas', 'Parcel.send.output', 'properties', 'pin')).to.include({ 'x-secret': true });
  });

  it('lists the errors of each operation by status, with an example in both forms', () => {
    const responses = at('paths', '/v1/parcels/send', 'post', 'responses');
    const codes = (status: string): string[] =>
      Object.keys(
        ((follow(responses[status])['content'] as { [type: string]: Part })['application/json']?.['examples'] ??
          {}) as Part,
      );
    expect(codes('422')).to.have.members(['parcels.too_heavy', 'request.idempotency_key_reused']);
    expect(codes('409')).to.include.members(['parcels.already_sent', 'request.in_progress']);
    expect(codes('400')).to.include('request.idempotency_key_missing');
    expect(codes('413')).to.deep.equal(['request.too_large']);
    expect(codes('500')).to.deep.equal(['request.unexpected']);
    expect(at('components', 'examples', 'parcels.too_heavy', 'value', 'error')).to.include({
      code: 'parcels.too_heavy',
    });
    expect(at('components', 'examples', 'parcels.too_heavy.problem', 'value')).to.include({ status: 422 });
    const find = Object.keys(at('paths', '/v1/parcels/find', 'get', 'responses'));
    expect(find).to.include.members(['200', '304', '404']).and.not.include('413');
  });

  it('lists the published events with the schemas of their payloads', () => {
    const sent = at('x-events', 'parcel.sent');
    expect(sent).to.include({ version: 1, key: 'parcelId' });
    expect(follow(sent['payload'])['properties']).to.have.keys('parcelId', 'weight');
  });

  it('keeps recursive schemas finite', () => {
    interface Node {
      readonly name: string;
      readonly children: readonly Node[];
    }
    const node: z.ZodType<Node> = z.object({
      name: z.string(),
      get children() {
        return z.array(node);
      },
    });
    const tree = query({
      summary: 'Tree',
      input: z.strictObject({}),
      output: z.object({ root: node, extra: z.json() }),
      errors: [],
    });
    const contract = context({ name: 'trees', noun: 'Tree', operations: { get: tree }, events: {} });
    const { components } = openApiDocument([contract], { title: 'x', version: '1' });
    expect(Object.keys(components['schemas'] ?? {})).to.include.members(['Tree.get.output', 'Tree.get.output.schema0']);
  });

  it('is refused with the name of the event whose payload JSON cannot carry', () => {
    const faulty = event({ summary: 'x', version: 1, key: 'id', payload: z.object({ id: z.string(), at: z.date() }) });
    const contract = context({ name: 'trees', noun: 'Tree', operations: {}, events: { 'tree.felled': faulty } });
    expect(() => openApiDocument([contract], { title: 'x', version: '1' })).to.throw(
      'event tree.felled: payload, field at: Date cannot be represented',
    );
  });

  it('is refused where one id stands for two schemas', () => {
    const one = (verb: string, schema: z.ZodType) => ({
      [verb]: query({ summary: verb, input: z.strictObject({}), output: schema, errors: [] }),
    });
    const contract = context({
      name: 'twins',
      noun: 'Twin',
      operations: {
        ...one('a', z.object({ t: z.object({ x: z.string() }).meta({ id: 'TwinA' }) })),
        ...one('b', z.object({ t: z.object({ x: z.string().default('') }).meta({ id: 'TwinB' }) })),
      },
      events: {},
    });
    expect(() => openApiDocument([contract], { title: 'x', version: '1' })).to.not.throw();
    const both = query({
      summary: 'both',
      input: z.object({ t: contract.operations['b']?.output as z.ZodType }),
      output: contract.operations['b']?.output as z.ZodType,
      errors: [],
    });
    const clash = context({ name: 'twins', noun: 'Twin', operations: { both }, events: {} });
    expect(() => openApiDocument([clash], { title: 'x', version: '1' })).to.throw('are named TwinB');
  });
});

describe('the table of errors', () => {
  it('has every code once, sorted, with status, retry and operations', () => {
    const rows = errorTable([parcels]);
    const codes = rows.map(({ code }) => code);
    expect(codes).to.deep.equal([...new Set(codes)].sort());
    expect(rows).to.deep.include({
      code: 'parcels.already_sent',
      kind: 'conflict',
      status: 409,
      retry: true,
      words: ['Parcel.send', 'Parcel.fail'],
    });
    expect(rows.find(({ code }) => code === 'request.too_large')?.status).to.equal(413);
    expect(errorMarkdown(rows)).to.contain('| `parcels.not_found` | 404 | not_found | no | Parcel.fail, Parcel.find,');
  });

  it('refuses two classes with one code', () => {
    class Twin extends DomainError {
      static readonly code = 'request.malformed';
      static readonly kind = 'conflict';
    }
    const operations = { get: query({ summary: 'x', input: z.strictObject({}), output: z.null(), errors: [Twin] }) };
    expect(() => errorTable([context({ name: 'a', noun: 'A', operations, events: {} })])).to.throw('request.malformed');
  });
});

describe('documents of the interface', () => {
  afterEach(closeDemoApis);

  it('are served at fixed addresses, and only read', async () => {
    const api = await startDemoApi();
    const openapi = await api.get('/openapi.json');
    expect(await openapi.json()).to.have.nested.property('info.version', '1.2.3');
    const etag = openapi.headers.get('etag') ?? '';
    expect((await api.get('/openapi.json', { 'if-none-match': etag })).status).to.equal(304);
    const refused = await api.post('/openapi.json', {});
    expect(refused.status).to.equal(405);
    expect(refused.headers.get('allow')).to.equal('GET, HEAD');
    expect(await (await api.get('/errors')).text()).to.contain('<tr id="parcels.too_heavy">');
    expect(await (await api.get('/')).json()).to.have.nested.property('data.links.docs', '/docs');
  });

  it('include a reference that loads nothing from elsewhere', async () => {
    const api = await startDemoApi();
    const page = await api.get('/docs');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).to.contain("default-src 'none'").and.contain("script-src 'self';");
    expect(policy).to.not.match(/unsafe-eval|http|\*/);
    const html = await page.text();
    expect(html).to.not.match(/(?:src|href)="(?!docs\/)/);
    expect(html).to.not.match(/<script(?! src=)|<style|onload=/);
    const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
    expect(assets).to.have.length(4);
    for (const asset of assets) {
      const response = await api.get(`/${asset}`);
      expect(response.status, asset).to.equal(200);
      expect(response.headers.get('x-content-type-options')).to.equal('nosniff');
      if (asset.endsWith('.css')) expect(await response.text()).to.not.match(/url\(["']?(?:https?:)?\/\//);
    }
    const start = await (await api.get('/docs/start.js')).text();
    expect(start).to.contain('validatorUrl: null').and.contain("url: 'openapi.json'");
  });

  it('lead to each other below a path as well, whether the reference is asked for with a slash or without', async () => {
    const { url } = await startDemoApi({ mount: (api) => express().use('/shop', api) });
    for (const path of ['/shop/docs', '/shop/docs/']) {
      const page = await fetch(url + path);
      const links = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
      expect(links).to.have.length(4);
      for (const link of links) expect((await fetch(new URL(link, page.url))).status, path + link).to.equal(200);
      const start = await (await fetch(new URL('docs/start.js', page.url))).text();
      const document = await fetch(new URL(/url: '(.+?)'/.exec(start)?.[1] ?? '', page.url));
      expect(await document.json()).to.include({ openapi: '3.1.1' });
    }
  });

  it('are named by their full address where that is known', async () => {
    const serverUrl = 'https://api.example/shop';
    const api = await startDemoApi({ api: { info: { title: 'Parcels', version: '1', serverUrl: `${serverUrl}/` } } });
    expect(await (await api.get('/')).json()).to.have.nested.property('data.links.docs', `${serverUrl}/docs`);
    const problem = { accept: 'application/problem+json' };
    for (const path of ['/nothing', '/v1/parcels/find?x=1']) {
      const { type, code } = (await (await api.get(path, problem)).json()) as { type: string; code: string };
      expect(type).to.equal(`${serverUrl}/errors#${code}`);
    }
    const { components } = (await (await api.get('/openapi.json')).json()) as typeof document;
    const examples = (components as { examples: { [name: string]: { value: { type: string } } } }).examples;
    const example = examples['parcels.too_heavy.problem'];
    expect(example?.value.type).to.equal(`${serverUrl}/errors#parcels.too_heavy`);
  });

  it('serve nothing of the package but what the reference needs', async () => {
    const api = await startDemoApi();
    for (const path of [
      '/docs/package.json',
      '/docs/../package.json',
      '/docs/%2e%2e/package.json',
      '/docs/index.html',
    ]) {
      expect((await api.get(path)).status, path).to.equal(404);
    }
  });

  it('are protected by the headers of an API, and name no framework', async () => {
    const api = await startDemoApi();
    for (const path of ['/', '/v1/parcels/find', '/nothing']) {
      const { headers } = await api.get(path);
      expect(headers.get('content-security-policy')).to.equal("default-src 'none';frame-ancestors 'none'");
      expect(headers.get('x-frame-options')).to.equal('DENY');
      expect(headers.get('strict-transport-security')).to.be.a('string');
      expect(headers.get('x-powered-by')).to.equal(null);
    }
  });

  it('answer ranges and conditions that they cannot meet with a refusal, not as a failure of their own', async () => {
    const api = await startDemoApi();
    const file = '/docs/favicon-32x32.png';
    const range = await api.get(file, { range: 'bytes=99999999-' });
    expect([range.status, (await range.arrayBuffer()).byteLength > 0]).to.deep.equal([200, true]);
    const condition = await api.get(file, { 'if-match': '"x"' });
    expect(condition.status).to.equal(400);
    expect(await condition.json()).to.have.nested.property('error.code', 'request.malformed');
    expect(api.reports).to.deep.equal([]);
  });

  it('can be joined by routes that are no operations', async () => {
    const api = await startDemoApi({
      api: {
        extend: (app) => {
          app.get('/extra', (_request, response) => void response.send('here'));
          app.get('/broken/:part', () => {
            throw new TypeError('secret internals');
          });
        },
      },
    });
    expect(await (await api.get('/extra')).text()).to.equal('here');
    const broken = await api.get('/broken/x');
    expect(broken.status).to.equal(500);
    expect(await broken.text()).to.not.contain('internals');
    expect(api.reports).to.have.length(1);
    expect((await api.get('/broken/%ff')).status).to.equal(400);
  });
});
