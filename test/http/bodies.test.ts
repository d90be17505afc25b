import { expect } from 'chai';
import express from 'express';
import fc from 'fast-check';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { closeDemoApis, rawExchange, startDemoApi, type DemoApi } from '../support/demo-api.ts';

const JSON_HEADER = { 'content-type': 'application/json' };

describe('request bodies', () => {
  let api: DemoApi;
  beforeEach(async () => {
    api = await startDemoApi();
  });
  afterEach(async () => {
    expect(api.reports).to.deep.equal([]);
    await closeDemoApis();
  });

  const echo = (
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = JSON_HEADER,
  ): Promise<Response> => fetch(`${api.url}/v1/parcels/echo`, { method: 'POST', headers, body });
  const refusal = async (response: Response): Promise<[number, string, string | undefined]> => {
    const { error } = (await response.json()) as { error: { code: string; details: { issues?: { path: string }[] } } };
    return [response.status, error.code, error.details.issues?.[0]?.path];
  };

  it('are read as JSON with or without the charset parameter', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
      const response = await echo('{"id":"é😀","amount":"1"}', { 'content-type': type });
      expect(await response.json()).to.have.nested.property('data.id', 'é😀');
    }
  });

  it('of another type or charset are refused with 415', async () => {
    for (const type of [
      'text/plain',
      'application/json; charset=latin1',
      'application/x-www-form-urlencoded',
      'json',
    ]) {
      const response = await echo('{}', { 'content-type': type });
      expect(await refusal(response)).to.deep.equal([415, 'request.unsupported_content', undefined]);
    }
    expect((await echo(new Uint8Array([123, 125]), {})).status).to.equal(415);
  });

  it('that are compressed are refused with 415', async () => {
    const body = gzipSync('{"id":"a","amount":"1"}');
    const response = await echo(new Uint8Array(body), { ...JSON_HEADER, 'content-encoding': 'gzip' });
    expect((await refusal(response))[0]).to.equal(415);
  });

  it('that are missing count as empty, so that the schema names what is missing', async () => {
    const response = await fetch(`${api.url}/v1/parcels/echo`, { method: 'POST' });
    expect(await refusal(response)).to.deep.equal([400, 'request.invalid_input', 'id']);
  });

  it('that are no JSON are refused with 400', async () => {
    for (const body of ['{', 'null x', '{"a":1,}']) {
      expect(await refusal(await echo(body))).to.deep.equal([400, 'request.malformed', undefined]);
    }
  });

  it('that are no UTF-8 are refused with 400', async () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      const body = new Uint8Array([...Buffer.from('{"id":"'), ...bytes, ...Buffer.from('"}')]);
      expect(await refusal(await echo(body))).to.deep.equal([400, 'request.malformed', undefined]);
    }
  });

  it('with NUL, lone surrogates or dangerous names are refused with 400 and the path', async () => {
    for (const [body, path] of [
      ['{"id":"a\\u0000","amount":"1"}', 'id'],
      ['{"id":"a","amount":"\\udead"}', 'amount'],
      ['{"__proto__":{"id":"a"},"amount":"1"}', '__proto__'],
      ['{"id":"a","amount":"1","constructor":{"prototype":{}}}', 'constructor'],
    ] as const) {
      expect(await refusal(await echo(body))).to.deep.equal([400, 'request.invalid_input', path]);
    }
    expect(({} as { id?: string }).id).to.equal(undefined);
  });

  it('of the wrong shape are refused with 400 and the path of each fault', async () => {
    for (const body of ['[]', '"x"', '1', 'null', 'true', '{"id":5}']) {
      const [status, code] = await refusal(await echo(body));
      expect([status, code], body).to.deep.equal([400, 'request.invalid_input']);
    }
    const response = await api.post('/v1/parcels/send', { note: 'x', wait: 1 }, { 'idempotency-key': 'k' });
    expect(await refusal(response)).to.deep.equal([400, 'request.invalid_input', 'wait']);
  });

  it('nested without end are refused with 400', async () => {
    expect((await refusal(await echo('['.repeat(50_000))))[0]).to.equal(400);
    expect((await refusal(await echo('{"a":'.repeat(20_000))))[0]).to.equal(400);
  });

  it('up to the limit are taken, longer ones refused with 413, whether they say their length or not', async () => {
    const bodyOf = (length: number): string => {
      const empty = '{"id":"","amount":"1"}';
      return empty.replace('""', `"${'x'.repeat(length - empty.length)}"`);
    };
    expect((await echo(bodyOf(102_400))).status).to.equal(200);
    expect(await refusal(await echo(bodyOf(102_401)))).to.deep.equal([413, 'request.too_large', undefined]);
    const stream = ReadableStream.from([Buffer.from(bodyOf(60_000)), Buffer.from(bodyOf(60_000))]);
    const response = await fetch(`${api.url}/v1/parcels/echo`, {
      method: 'POST',
      headers: JSON_HEADER,
      body: stream as never,
      duplex: 'half',
    } as RequestInit);
    expect((await refusal(response))[0]).to.equal(413);
    expect(response.headers.get('connection')).to.equal('close');
  });

  it('far beyond the limit end with the connection, not with memory', async () => {
    const head = 'POST /v1/parcels/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    const answer = await rawExchange(api.port, `${head}Content-Length: 1000000000\r\n\r\n`, 'x'.repeat(200_000));
    expect(answer).to.match(/^HTTP\/1\.1 413 /);
    expect(answer).to.contain('request.too_large');
  });

  it('broken off in the middle reach no handler', async () => {
    const socket = connect(api.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.end(
      'POST /v1/parcels/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"id"',
    );
    socket.resume();
    await once(socket, 'close');
    expect((await api.get('/livez')).status).to.equal(200);
    expect(api.calls).to.have.length(0);
  });

  it('that a body parser has read before fail at once, and the log says what to mend', async () => {
    const { post, get, reports, calls } = await startDemoApi({ mount: (api) => express().use(express.json(), api) });
    const response = await post('/v1/parcels/echo', { id: 'a', amount: '1' });
    expect(await refusal(response)).to.deep.equal([500, 'request.unexpected', undefined]);
    expect(reports).to.have.lengthOf(1);
    expect(reports[0]?.error).to.be.instanceOf(TypeError);
    expect(String(reports[0]?.error)).to.include('createHttpApi has to be mounted before body parsers');
    expect(calls).to.have.lengthOf(0);
    expect((await get('/livez')).status).to.equal(200);
  });

  it('are read within another application, before its body parsers', async () => {
    const { post } = await startDemoApi({ mount: (api) => express().use(api, express.json()) });
    expect((await post('/v1/parcels/echo', { id: 'a', amount: '1' })).status).to.equal(200);
  });

  it('with anything at all in them never make the server fail', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.uint8Array()), async (body) => {
        const response = await echo(typeof body === 'string' ? body : new Uint8Array(body));
        await response.arrayBuffer();
        expect(response.status).to.be.oneOf([200, 400]);
      }),
      { numRuns: 300 },
    );
  });
});
