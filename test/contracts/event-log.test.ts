import { after, before, describe, it } from 'mocha';
import { eventLogContract } from '../../src/contracts/event-log/event-log-contract.ts';
import { logDatabase, memoryLog } from '../support/event-log-site.ts';

const runner = { describe, it, before, after };

eventLogContract(runner, 'memory', async () => memoryLog(), ['rollback']);
eventLogContract(runner, 'PostgreSQL', () => logDatabase());
