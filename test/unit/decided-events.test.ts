import { expect } from 'chai';
import { decidedEvents, requestedJob } from '../../src/application/shared/decided-events.ts';
import type { LoggedEvent } from '../../src/application/shared/event-log.ts';

const ID = '6f1c0de2-3b8e-4c5a-9d0f-0123456789ab';
const CONTEXT = { tenant: 'shop', actor: 'user:1', correlationId: 'c-1', traceParent: 'trace' };

/** What a decision's request for a job becomes in the log. */
function logged(request: Parameters<typeof decidedEvents>[2][number]): LoggedEvent {
  const [event] = decidedEvents(CONTEXT, [], [request], () => ID);
  if (event === undefined) throw new Error('Nothing was to be logged.');
  return { ...event, position: 7n, occurredAt: new Date(0) };
}

describe('A job that a decision asks for', () => {
  it('comes out of the log as it went in, with the id of the event', () => {
    const [payload, runAt] = [{ batchId: 'b' }, new Date('2031-05-06T07:08:09.123Z')];
    const request = { type: 'a.b', payload, priority: 'low_priority', runAt, concurrencyKey: 'one' } as const;
    expect(requestedJob(logged(request))).to.deep.equal({ ...CONTEXT, ...request, id: ID });
  });

  it('says nothing of what the decision left open', () => {
    const { traceParent: _, ...rest } = CONTEXT;
    const job = requestedJob({ ...logged({ type: 'a.b', payload: {} }), traceParent: null });
    expect(job).to.deep.equal({ ...rest, id: ID, type: 'a.b', payload: {}, priority: 'default' });
  });

  it('is none where the log holds something else', () => {
    const event = logged({ type: 'a.b', payload: {} });
    for (const payload of [{}, { ...event.payload, priority: 'urgent' }, { ...event.payload, runAt: 'soon' }]) {
      expect(() => requestedJob({ ...event, payload })).to.throw();
    }
  });
});
