import assert from 'node:assert/strict';
import type { LockService } from '../../application/shared/lock-service.ts';
import type { ContractRunner } from '../shared/contract-runner.ts';

/** One keeper of locks, opened for the suite; `second` is another process's view of the same locks. */
export interface LockSite {
  readonly first: LockService;
  readonly second: LockService;
  /** Harmless when called again. */
  close(): Promise<void>;
}

/** What every adapter of `LockService` has to keep. */
export function lockServiceContract(runner: ContractRunner, name: string, open: () => Promise<LockSite>): void {
  const { describe, it, before, after } = runner;
  describe(`The lock service of ${name}`, () => {
    let site: LockSite;
    before(async () => {
      site = await open();
    });
    after(() => site.close());

    it('runs the work of one holder at a time and turns the other away at once', async () => {
      let release = (): void => undefined;
      const working = new Promise<void>((resolve) => (release = resolve));
      const begun = new Promise<void>((resolve) => {
        void site.first.tryWithLock('alone', () => {
          resolve();
          return working;
        });
      });
      await begun;
      assert.deepEqual(await site.second.tryWithLock('alone', async () => 'never'), { acquired: false });
      assert.deepEqual(await site.second.tryWithLock('other', async () => 1), { acquired: true, result: 1 });
      release();
      await eventually(async () => (await site.second.tryWithLock('alone', async () => 2)).acquired);
    });

    it('gives the lock back when the work fails', async () => {
      const failure = new Error('the work failed');
      await assert.rejects(
        site.first.tryWithLock('failing', () => Promise.reject(failure)),
        failure,
      );
      assert.deepEqual(await site.second.tryWithLock('failing', async () => 'now'), { acquired: true, result: 'now' });
    });

    it('lets exactly one of fifty contenders in at a time', async () => {
      let inside = 0;
      let most = 0;
      const contend = async (index: number): Promise<boolean> => {
        const service = index % 2 === 0 ? site.first : site.second;
        const { acquired } = await service.tryWithLock('crowd', async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
        });
        return acquired;
      };
      const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => contend(index)));
      assert.ok(outcomes.includes(true));
      assert.equal(most, 1);
    });

    it('closes twice without harm', async () => {
      await site.close();
      await site.close();
    });
  });
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; Date.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('it did not come true within 5 s');
}
