import { apiTokens } from '../application/access/contract.ts';
import { events } from '../application/events/contract.ts';
import { giftCards } from '../application/gift-cards/contract.ts';
import { jobs } from '../application/jobs/contract.ts';
import { privacy } from '../application/privacy/contract.ts';

/** Every contract that this application speaks: a context is mounted by a line here and its module in the container. */
export const APPLICATION_CONTRACTS = [giftCards, apiTokens, events, jobs, privacy] as const;
