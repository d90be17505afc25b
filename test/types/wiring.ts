/** What must not compile in the container. `npm run types` checks this file; nothing runs it. */
import { contextModule } from '../../src/composition/context-module.ts';
import { token, type Wiring } from '../../src/composition/token.ts';
import { parcels } from '../support/demo-contract.ts';

interface Clock {
  readonly now: () => Date;
}
interface PreciseClock extends Clock {
  readonly nanoseconds: () => bigint;
}

const CLOCK = token<Clock>('Clock');
const PRECISE = token<PreciseClock>('PreciseClock');
const PORT = token<number>('Port');

const clock: Clock = { now: () => new Date(0) };
const precise: PreciseClock = { ...clock, nanoseconds: () => 0n };

export function wrongValues(wiring: Wiring): void {
  wiring.value(PORT, 3000);
  wiring.value(CLOCK, precise);
  // @ts-expect-error text for a number
  wiring.value(PORT, '3000');
  // @ts-expect-error less than the token stands for
  wiring.value(PRECISE, clock);
  // @ts-expect-error nothing at all
  wiring.value(CLOCK, undefined);
}

export function wrongFactories(wiring: Wiring): void {
  wiring.single(PORT, [CLOCK, PORT], (now: Clock, port: number) => now.now().getTime() + port);
  wiring.single(CLOCK, [PRECISE], (given: Clock) => given);
  // @ts-expect-error a parameter of another type than its token
  wiring.single(PORT, [CLOCK], (port: number) => port);
  // @ts-expect-error parameters in another order than the tokens
  wiring.single(PORT, [PORT, CLOCK], (given: Clock, port: number) => given.now().getTime() + port);
  // @ts-expect-error a parameter that needs more than its token stands for
  wiring.single(PORT, [CLOCK], (given: PreciseClock) => Number(given.nanoseconds()));
  // @ts-expect-error a parameter without a token
  wiring.single(PORT, [CLOCK], (given: Clock, port: number) => given.now().getTime() + port);
  // @ts-expect-error a result that is none of the token's
  wiring.single(PORT, [], () => 'a port');
  // @ts-expect-error a result that is less than the token stands for
  wiring.single(PRECISE, [CLOCK], (given: Clock) => given);
  // @ts-expect-error a promise of what the token stands for
  wiring.single(PORT, [], async () => 3000);
}

export function wrongUses(wiring: Wiring): void {
  const port: number = wiring.get(PORT);
  // @ts-expect-error the token stands for something else
  const text: string = wiring.get(PORT);
  void [port, text];
}

export function wrongModules(): void {
  // @ts-expect-error no handlers
  contextModule(parcels, {});
}
