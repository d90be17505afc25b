import { describe, it } from 'mocha';
import { CLIENTS, runScenario, type Scenario } from '../support/chaos-run.ts';

const seconds = Number(process.env['CHAOS_SECONDS'] ?? 5);
describe('tmp', () => {
  it('x', async () => {
    await runScenario({ cards: Number(process.env.N ?? 10), disturbance: (process.env.D ?? 'nothing') as never, seconds, servers: Number(process.env.S ?? 1) });
  });
});
