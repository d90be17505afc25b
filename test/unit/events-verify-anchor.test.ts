import { expect } from 'chai';
import { eventHandlers, events } from '../../src/application/events/index.ts';
import type { Call } from '../../src/application/shared/call.ts';
import { InvalidInput } from '../../src/application/shared/errors.ts';
import type { EventLog, SealAnchor, Verification, VerifyOptions } from '../../src/application/shared/event-log.ts';
import { compile } from '../../src/application/shared/pipeline.ts';

const CALL: Call = {
  principal: { id: 'user:1', kind: 'user', tenant: 'default', permissions: new Set(['*']) },
  correlationId: 'test',
};
const HASH = '0'.repeat(64);

describe('Event.verify', () => {
  const anchors: (SealAnchor | undefined)[] = [];
  const seals = {
    seal: async () => 0,
    run: () => ({ close: async () => undefined }),
    async verify(_tenant: string, { anchor }: VerifyOptions = {}): Promise<Verification> {
      anchors.push(anchor);
      return { intact: true, seals: 0, events: 0, sealedTo: 0n, hash: HASH };
    },
  };
  const operations = compile(events, eventHandlers({ log: {} as EventLog, seals, contracts: [] }));
  const verify = async (input: object): Promise<unknown> => operations.get('Event.verify')?.invoke(input, CALL);

  beforeEach(() => void anchors.splice(0));

  it('takes an anchor whole or not at all', async () => {
    await verify({});
    await verify({ anchorSeal: 3, anchorHash: HASH });
    expect(anchors).to.deep.equal([undefined, { number: 3, hash: HASH }]);
  });

  it('refuses half an anchor and names the missing field, for it would prove less than was asked', async () => {
    for (const [input, path] of [
      [{ anchorSeal: 3 }, 'anchorHash'],
      [{ anchorHash: HASH }, 'anchorSeal'],
      [{ fromAnchor: true }, 'anchorSeal'],
    ] as const) {
      const failure = await verify(input).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(InvalidInput);
      expect((failure as InvalidInput).details['issues']).to.have.nested.property('[0].path', path);
    }
    expect(anchors).to.deep.equal([]);
  });
});
