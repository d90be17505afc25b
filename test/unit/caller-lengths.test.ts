import { expect } from 'chai';
import { principalOf } from '../../src/application/access/jwt-principal.ts';
import { permissionManifest } from '../../src/application/access/permission-manifest.ts';
import { createRoles } from '../../src/application/access/roles.ts';
import { MAX_ACTOR_LENGTH, type Call, type Principal } from '../../src/application/shared/call.ts';
import { inProcessClient } from '../../src/application/shared/client.ts';
import { InvalidJob } from '../../src/application/shared/job-errors.ts';
import { compile, type PipelineHooks } from '../../src/application/shared/pipeline.ts';
import { jobs } from '../../src/application/jobs/contract.ts';
import { completeSettings } from '../../src/infrastructure/jobs/job-settings.ts';
import { prepareJob } from '../../src/infrastructure/jobs/prepare-job.ts';

const ID = '6f1c0de2-3b8e-4c5a-9d0f-0123456789ab';
const settings = completeSettings();
const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

/** A client of one operation, whose calls are kept. */
function setUp(principal: Principal, hooks: PipelineHooks = {}) {
  const calls: Call[] = [];
  const statistics = async (_input: unknown, call: Call) => {
    calls.push(call);
    return { data: [] };
  };
  const contract = { ...jobs, operations: { statistics: jobs.operations.statistics } };
  const operations = compile(contract, { statistics }, hooks);
  return { calls, client: inProcessClient([jobs], operations, { principal, newId: () => 'new-id' }) };
}

const principalNamed = (id: string): Principal => ({
  ...{ id, kind: 'system', tenant: 'default' },
  permissions: new Set(['*']),
});

describe('What a caller brings', () => {
  it('fits into a job, also with the longest subject that a JSON Web Token may have', () => {
    const manifest = permissionManifest([]);
    const { id: actor } = principalOf({ sub: 's'.repeat(255) }, createRoles({}, manifest), manifest);
    const jobBy = (name: string) => prepareJob({ id: ID, type: 'a', payload: {}, actor: name }, settings);
    expect(jobBy(actor).actor).to.equal(actor);
    expect(() => jobBy('s'.repeat(MAX_ACTOR_LENGTH + 1))).to.throw(InvalidJob);
  });

  it('is refused in the same process where the principal’s id would not fit', () => {
    expect(() => setUp(principalNamed('s'.repeat(MAX_ACTOR_LENGTH)))).to.not.throw();
    for (const id of ['', 's'.repeat(MAX_ACTOR_LENGTH + 1)]) {
      expect(() => setUp(principalNamed(id))).to.throw(TypeError);
    }
  });

  it('is replaced in the same process where it is no correlation id or trace that a job could keep', async () => {
    const { calls, client } = setUp(principalNamed('system:test'));
    const { meta } = await client.call('Job.statistics', {}, { correlationId: 'c'.repeat(129), traceParent: 'x' });
    await client.call('Job.statistics', {}, { correlationId: 'order:7', traceParent: TRACE });
    expect(meta.correlationId).to.equal('new-id');
    expect(calls.map(({ correlationId, traceParent }) => [correlationId, traceParent])).to.deep.equal([
      ['new-id', undefined],
      ['order:7', TRACE],
    ]);
  });

  it('is replaced in the same process where it is a correlation id that must not be kept', async () => {
    const mustNotBeKept = (text: string): boolean => text.includes('secret');
    const { calls, client } = setUp(principalNamed('system:test'), { mustNotBeKept });
    for (const correlationId of ['a-secret-b', 'order:7']) await client.call('Job.statistics', {}, { correlationId });
    expect(calls.map(({ correlationId }) => correlationId)).to.deep.equal(['new-id', 'order:7']);
  });
});
