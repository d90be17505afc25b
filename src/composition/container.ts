import { events } from '../application/events/contract.ts';
import { eventHandlers } from '../application/events/index.ts';
import { jobHandlers, jobs } from '../application/jobs/index.ts';
import { privacy, privacyHandlers } from '../application/privacy/index.ts';
import type { CompiledOperation } from '../application/shared/pipeline.ts';
import { API_TOKENS, bindAccess } from './access-module.ts';
import { contextModule } from './context-module.ts';
import { APPLICATION_CONTRACTS } from './contracts.ts';
import { bindFrame } from './frame-module.ts';
import { bindGiftCards, GIFT_CARDS } from './gift-cards-module.ts';
import { Wiring } from './token.ts';
import * as tokens from './tokens.ts';

/** Wires the application; what is given from outside is bound by the caller before anything is asked for. */
export function createWiring(): Wiring {
  const wiring = new Wiring();
  wiring.value(tokens.CONTRACTS, APPLICATION_CONTRACTS);
  bindFrame(wiring);
  bindAccess(wiring);
  bindGiftCards(wiring);
  wiring.single(
    tokens.MODULES,
    [GIFT_CARDS, API_TOKENS, tokens.EVENT_LOG, tokens.EVENT_SEALS, tokens.JOB_QUEUE],
    (giftCardsModule, apiTokensModule, log, seals, queue) => {
      const business = [giftCardsModule, apiTokensModule];
      return [
        ...business,
        contextModule(events, eventHandlers({ log, seals, contracts: APPLICATION_CONTRACTS })),
        contextModule(jobs, jobHandlers(queue)),
        contextModule(privacy, privacyHandlers(business.flatMap(({ erasers }) => erasers))),
      ];
    },
  );
  wiring.single(tokens.OPERATIONS, [tokens.MODULES, tokens.HOOKS], (modules, hooks) => {
    const operations = new Map<string, CompiledOperation>();
    for (const module of modules) {
      for (const [word, operation] of module.compile(hooks)) {
        if (operations.has(word)) throw new TypeError(`Two contexts have the operation ${word}.`);
        operations.set(word, operation);
      }
    }
    return operations;
  });
  return wiring;
}
