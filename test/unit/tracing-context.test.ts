import { expect } from 'chai';
import fc from 'fast-check';
import {
  formatTraceParent,
  parseTraceParent,
  traceHeaders,
  traceIdOf,
} from '../../src/application/shared/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const VALID = `00-${TRACE}-${SPAN}-01`;

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((digits) => /[^0]/.test(digits));

describe('Trace context', () => {
  it('takes a traceparent apart', () => {
    expect(parseTraceParent(VALID)).to.deep.equal({ traceId: TRACE, spanId: SPAN, sampled: true });
    expect(parseTraceParent(`00-${TRACE}-${SPAN}-00`)?.sampled).to.equal(false);
    expect(parseTraceParent(`00-${TRACE}-${SPAN}-03`)?.sampled).to.equal(true);
  });

  it('reads versions to come as far as it knows them', () => {
    expect(parseTraceParent(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)?.traceId).to.equal(TRACE);
    expect(parseTraceParent(`cc-${TRACE}-${SPAN}-01`)?.spanId).to.equal(SPAN);
  });

  it('refuses what is none', () => {
    const wrong = [
      undefined,
      '',
      'traceparent',
      VALID.toUpperCase(),
      `${VALID}-extra`,
      `${VALID}0`,
      ` ${VALID}`,
      `${VALID}\n`,
      `ff-${TRACE}-${SPAN}-01`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.slice(1)}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-1`,
      `00-${TRACE}-${SPAN}`,
      `cc-${TRACE}-${SPAN}-01${'-x'.repeat(200)}`,
      `cc-${TRACE}-${SPAN}-01.x`,
    ];
    for (const text of wrong) expect(parseTraceParent(text), text).to.equal(undefined);
  });

  it('writes what it has read', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
        const context = { traceId, spanId, sampled };
        expect(parseTraceParent(formatTraceParent(context))).to.deep.equal(context);
      }),
    );
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => parseTraceParent(text) === undefined));
  });

  it('hands on a caller’s trace and nothing that is none', () => {
    expect(traceHeaders(VALID)).to.deep.equal({ traceparent: VALID });
    expect(traceHeaders(`cc-${TRACE}-${SPAN}-01-x`)).to.deep.equal({ traceparent: VALID });
    expect(traceHeaders('nonsense')).to.deep.equal({});
    expect(traceHeaders(undefined)).to.deep.equal({});
  });

  it('names the trace for log lines', () => {
    expect(traceIdOf(VALID)).to.equal(TRACE);
    expect(traceIdOf('nonsense')).to.equal(undefined);
  });
});
