import { expect } from 'chai';
import { z } from 'zod';
import type { Call } from '../../src/application/shared/call.ts';
import { context, query, stream } from '../../src/application/shared/contract.ts';
import { ServiceUnavailable } from '../../src/application/shared/errors.ts';
import { noMetrics, type Metrics } from '../../src/application/shared/metrics.ts';
import { compile, type CompiledOperation } from '../../src/application/shared/pipeline.ts';
import type { Span, SpanStart, Tracer } from '../../src/application/shared/tracing.ts';
import { observeOperations } from '../../src/infrastructure/telemetry/observe-operations.ts';

const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const CHILD = '00-0af7651916cd43dd8448eb211c80319c-1111111111111111-01';

const call: Call = {
  principal: { id: 'token:1', kind: 'token', tenant: 'default', permissions: new Set(['*']) },
  correlationId: 'c-1',
  traceParent: CALLER,
};

const number = z.strictObject({ fail: z.enum(['no', 'business', 'bug', 'late']).default('no') });

const things = context({
  name: 'things',
  noun: 'Thing',
  operations: {
    read: query({ summary: 'Reads', input: number, output: z.object({ seen: z.string() }), errors: [] }),
    list: stream({ summary: 'Lists', input: number, output: z.number(), errors: [] }),
  },
  events: {},
});

function failing(fail: string): void {
  if (fail === 'business') throw new ServiceUnavailable('not now');
  if (fail === 'bug') throw new RangeError('bug');
}

function world(tracer?: Tracer) {
  const notes: string[] = [];
  const seconds: number[] = [];
  const metrics: Metrics = {
    ...noMetrics,
    operation: (word) => ({
      started: () => notes.push(`${word} started`),
      ended(outcome, took) {
        notes.push(`${word} ${outcome}`);
        seconds.push(took);
      },
    }),
  };
  const operations = compile(
    things,
    {
      async read({ fail }, { traceParent }) {
        failing(fail);
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { data: { seen: String(traceParent) } };
      },
      async *list({ fail }) {
        yield 1;
        if (fail === 'late') throw new RangeError('bug');
        yield 2;
      },
    },
    { observe: observeOperations(metrics, tracer) },
  );
  return { notes, seconds, read: operations.get('Thing.read'), list: operations.get('Thing.list') };
}

const invoke = (operation: CompiledOperation | undefined, input: object = {}, by: Call = call) =>
  (operation as CompiledOperation).invoke(input, by);

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('Observation of operations', () => {
  it('counts and times a call, and hands its result through', async () => {
    const { notes, seconds, read } = world();
    expect(await invoke(read)).to.deep.equal({ data: { seen: CALLER } });
    expect(notes).to.deep.equal(['Thing.read started', 'Thing.read ok']);
    expect(seconds[0]).to.be.within(0.015, 5);
  });

  it('counts a refusal by its code and a bug as unexpected, and throws the same error', async () => {
    const { notes, read } = world();
    expect(await errorOf(invoke(read, { fail: 'business' }))).to.be.instanceOf(ServiceUnavailable);
    expect(await errorOf(invoke(read, { fail: 'bug' }))).to.be.instanceOf(RangeError);
    expect(notes.filter((note) => !note.endsWith('started'))).to.deep.equal([
      'Thing.read request.unavailable',
      'Thing.read unexpected',
    ]);
  });

  it('counts what the pipeline itself refuses', async () => {
    const { notes, read } = world();
    await errorOf(invoke(read, { unknown: 1 }));
    await errorOf(invoke(read, {}, { ...call, principal: { ...call.principal, permissions: new Set() } }));
    expect(notes.filter((note) => !note.endsWith('started'))).to.deep.equal([
      'Thing.read request.invalid_input',
      'Thing.read request.permission_denied',
    ]);
  });

  it('takes a stream for ended when its last item is read', async () => {
    const { notes, list } = world();
    const items = (await invoke(list)) as AsyncIterable<unknown>;
    expect(notes).to.deep.equal(['Thing.list started']);
    const seen: unknown[] = [];
    for await (const item of items) seen.push(item);
    expect(seen).to.deep.equal([1, 2]);
    expect(notes).to.deep.equal(['Thing.list started', 'Thing.list ok']);
  });

  it('takes a stream for ended when its reader goes away, and once only', async () => {
    const { notes, list } = world();
    for await (const _ of (await invoke(list)) as AsyncIterable<unknown>) break;
    expect(notes).to.deep.equal(['Thing.list started', 'Thing.list ok']);
  });

  it('counts a stream that fails midway by its failure, and once only', async () => {
    const { notes, list } = world();
    const items = (await invoke(list, { fail: 'late' })) as AsyncIterable<unknown>;
    const read = async (): Promise<void> => {
      for await (const item of items) expect(item).to.equal(1);
    };
    expect(await errorOf(read())).to.be.instanceOf(RangeError);
    expect(notes).to.deep.equal(['Thing.list started', 'Thing.list unexpected']);
  });

  it('makes a span of each call, under the caller, and hands it on as the new trace parent', async () => {
    const starts: SpanStart[] = [];
    const ends: unknown[] = [];
    const span: Span = {
      traceParent: CHILD,
      within: (run) => run(),
      end: (outcome, failed) => ends.push([outcome, failed]),
    };
    const { read, list } = world({ start: (start) => (starts.push(start), span) });
    expect(await invoke(read)).to.deep.equal({ data: { seen: CHILD } });
    await invoke(read, {}, { ...call, inProcess: true });
    await errorOf(invoke(read, { fail: 'bug' }));
    await errorOf(invoke(read, { fail: 'business' }));
    await errorOf(invoke(read, { unknown: 1 }));
    expect(starts[0]).to.deep.equal({ name: 'Thing.read', kind: 'server', parent: CALLER });
    expect(starts[1]).to.include({ kind: 'internal' });
    expect(ends).to.deep.equal([
      ['ok', false],
      ['ok', false],
      ['unexpected', true],
      ['request.unavailable', true],
      ['request.invalid_input', false],
    ]);
    for await (const _ of (await invoke(list)) as AsyncIterable<unknown>) expect(ends).to.have.length(5);
    expect(ends).to.have.length(6);
  });

  it('changes nothing about the call while nobody traces', async () => {
    const seen: Call[] = [];
    const observe = observeOperations(noMetrics);
    const { read } = world();
    await observe(read as CompiledOperation, call, async (observed) => {
      seen.push(observed);
      return { data: null };
    });
    expect(seen[0]).to.equal(call);
  });
});
