import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { jobHandlers } from '../../src/application/jobs/index.ts';
import type { Call } from '../../src/application/shared/call.ts';
import { memoryJobQueue } from '../../src/infrastructure/jobs/memory-job-queue.ts';

const callOf = (tenant: string): Call => ({
  principal: { id: 'user:1', kind: 'user', tenant, permissions: new Set(['*']) },
  correlationId: 'test',
});

describe('Job.statistics', () => {
  it('counts the jobs of the caller’s tenant alone', async () => {
    const queue = memoryJobQueue();
    try {
      await queue.enqueue({ id: randomUUID(), type: 'mail.send', tenant: 'acme', payload: {} });
      const { statistics } = jobHandlers(queue);
      expect((await statistics({}, callOf('acme'))).data).to.have.length(1);
      expect((await statistics({}, callOf('other'))).data).to.deep.equal([]);
    } finally {
      await queue.close();
    }
  });
});
