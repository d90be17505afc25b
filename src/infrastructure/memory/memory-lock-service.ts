import type { LockOutcome, LockService } from '../../application/shared/lock-service.ts';

/** Locks within one process. */
export function createMemoryLockService(): LockService {
  const held = new Set<string>();
  return {
    async tryWithLock<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<LockOutcome<T>> {
      if (held.has(name)) return { acquired: false };
      held.add(name);
      try {
        return { acquired: true, result: await work(new AbortController().signal) };
      } finally {
        held.delete(name);
      }
    },
  };
}
