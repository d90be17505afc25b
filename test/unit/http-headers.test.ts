import { expect } from 'chai';
import { quality, wantsCsv, wantsProblem } from '../../src/interfaces/http/accept.ts';
import {
  correlationIdOf,
  idempotencyKeyOf,
  isLocalCaller,
  matchesEtag,
  traceParentOf,
} from '../../src/interfaces/http/request-headers.ts';

describe('request headers', () => {
  it('give the correlation id where it is sane, X-Correlation-Id before X-Request-Id, else a new one', () => {
    const of = (headers: Record<string, string>): string => correlationIdOf(headers, () => 'new');
    expect(of({ 'x-correlation-id': 'a-1', 'x-request-id': 'b' })).to.equal('a-1');
    expect(of({ 'x-request-id': 'b:2' })).to.equal('b:2');
    for (const bad of ['', 'a b', 'x'.repeat(129), 'a\u00e9', '<script>']) {
      expect(of({ 'x-correlation-id': bad }), bad).to.equal('new');
    }
  });

  it('give the trace parent where it is well-formed, else none', () => {
    const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    expect(traceParentOf({ traceparent: good })).to.equal(good);
    for (const bad of [
      good.replace('00-', 'ff-'),
      good.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
      good.replace('00f067aa0ba902b7', '0'.repeat(16)),
      good.toUpperCase(),
      'x',
    ]) {
      expect(traceParentOf({ traceparent: bad }), bad).to.equal(undefined);
    }
  });

  it('give the idempotency key plain or as a quoted string', () => {
    expect(idempotencyKeyOf({ 'idempotency-key': 'abc' })).to.equal('abc');
    expect(idempotencyKeyOf({ 'idempotency-key': '"abc"' })).to.equal('abc');
    expect(idempotencyKeyOf({ 'idempotency-key': '"a\\"b\\\\c"' })).to.equal('a"b\\c');
    expect(idempotencyKeyOf({ 'idempotency-key': '"open' })).to.equal('"open');
    expect(idempotencyKeyOf({})).to.equal(undefined);
  });

  it('match an entity tag weakly, in a list, or by a star', () => {
    expect(matchesEtag('W/"a"', '"a"')).to.equal(true);
    expect(matchesEtag('"x", "a"', 'W/"a"')).to.equal(true);
    expect(matchesEtag('*', '"a"')).to.equal(true);
    expect(matchesEtag('"b"', '"a"')).to.equal(false);
    expect(matchesEtag(undefined, '"a"')).to.equal(false);
  });

  it('tell a caller on this machine from one behind a proxy on this machine', () => {
    expect(isLocalCaller('127.0.0.1', {})).to.equal(true);
    expect(isLocalCaller('::1', {})).to.equal(true);
    expect(isLocalCaller('::ffff:127.1.2.3', {})).to.equal(true);
    expect(isLocalCaller('10.0.0.1', {})).to.equal(false);
    expect(isLocalCaller('127.0.0.1.example', {})).to.equal(false);
    expect(isLocalCaller(undefined, {})).to.equal(false);
    expect(isLocalCaller('127.0.0.1', { 'x-forwarded-for': '10.0.0.1' })).to.equal(false);
    expect(isLocalCaller('::1', { forwarded: 'for=10.0.0.1' })).to.equal(false);
  });
});

describe('Accept', () => {
  it('gives each media type the weight of its most exact range', () => {
    const accept = 'text/*;q=0.3, text/csv;q=0.7, */*;q=0.1';
    expect(quality(accept, 'text/csv')).to.equal(0.7);
    expect(quality(accept, 'text/html')).to.equal(0.3);
    expect(quality(accept, 'application/json')).to.equal(0.1);
    expect(quality(undefined, 'application/json')).to.equal(1);
    expect(quality('text/csv;q=2', 'text/csv')).to.equal(0);
  });

  it('prefers problem details only where they are named and not liked less', () => {
    expect(wantsProblem('application/problem+json')).to.equal(true);
    expect(wantsProblem('application/json, application/problem+json')).to.equal(true);
    expect(wantsProblem('application/json, application/problem+json;q=0.5')).to.equal(false);
    expect(wantsProblem('application/problem+json;q=0')).to.equal(false);
    expect(wantsProblem('*/*')).to.equal(false);
    expect(wantsProblem(undefined)).to.equal(false);
  });

  it('prefers CSV only where it is liked more than JSON lines', () => {
    expect(wantsCsv('text/csv')).to.equal(true);
    expect(wantsCsv('text/csv, */*;q=0.1')).to.equal(true);
    expect(wantsCsv('*/*')).to.equal(false);
    expect(wantsCsv(undefined)).to.equal(false);
  });
});
