import fc from 'fast-check';

/** An amount, told by what a card (or a hold, or a payment) has when the command is given. */
export type AmountChoice =
  | { readonly kind: 'left out' }
  | { readonly kind: 'exact'; readonly minor: number }
  /** All that there is and so much more; less for a negative one. */
  | { readonly kind: 'all and'; readonly minor: number }
  | { readonly kind: 'of another currency' };

/** What a payment asks for. With an amount, the total of the order is not looked at. */
export interface AskChoice {
  readonly amount: AmountChoice;
  readonly total: AmountChoice;
}

/** How whoever pays names the card. */
export type NamingChoice =
  /** By its code, or by id and its holder where it is bound: nobody refuses that. */
  | { readonly by: 'right' }
  /** By a code, right or wrong for this card, with or without naming a holder. */
  | { readonly by: 'code' | 'dead code'; readonly holder: number | null }
  /** By id and a holder, be he the right one, the wrong one, or one too many. */
  | { readonly by: 'id'; readonly holder: number };

/** How staff names a card. */
export type StaffNaming = 'id' | 'code' | 'dead code';

interface PaymentChoice {
  readonly card: number;
  readonly by: NamingChoice;
  readonly order: number;
  readonly purpose: number;
  readonly ask: AskChoice;
}

/** A command of a history; cards, holds, payments and orders are numbered, and numbers wrap around. */
export type Command =
  | {
      readonly do: 'create';
      readonly currency: number;
      readonly minor: number;
      readonly lasts: number | null;
      readonly holder: number | null;
    }
  | (PaymentChoice & { readonly do: 'redeem' })
  | (PaymentChoice & { readonly do: 'hold'; readonly lasts: number })
  | { readonly do: 'capture'; readonly hold: number; readonly amount: AmountChoice }
  | { readonly do: 'release'; readonly hold: number }
  | { readonly do: 'refund'; readonly payment: number; readonly amount: AmountChoice }
  | {
      readonly do: 'transfer';
      readonly from: number;
      readonly fromBy: StaffNaming;
      readonly to: number;
      readonly toBy: StaffNaming;
      readonly amount: AmountChoice;
      readonly agreed: boolean;
    }
  | { readonly do: 'void' | 'freeze' | 'unfreeze' | 'reissue'; readonly card: number }
  | { readonly do: 'reload'; readonly card: number; readonly amount: AmountChoice }
  | { readonly do: 'extend'; readonly card: number; readonly lasts: number | null }
  | { readonly do: 'refund order'; readonly order: number; readonly legs: readonly LegChoice[] }
  | { readonly do: 'cancel'; readonly order: number }
  | { readonly do: 'tick'; readonly units: number }
  | { readonly do: 'sweep' }
  | { readonly do: 'repeat' };

export type CommandOf<Do extends Command['do']> = Extract<Command, { do: Do }>;

export interface LegChoice {
  readonly names: 'card' | 'payment';
  readonly number: number;
  readonly minor: number;
  readonly rightCurrency: boolean;
}

/** The one that a number stands for. */
export const pick = <T>(from: readonly T[], number: number): T | undefined => from[number % Math.max(1, from.length)];

const number = fc.nat(5);
const minor = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 200 }) }, fc.integer({ min: 1, max: 20_000 }));
const amount: fc.Arbitrary<AmountChoice> = fc.oneof(
  { weight: 6, arbitrary: minor.map((value) => ({ kind: 'exact' as const, minor: value })) },
  { weight: 3, arbitrary: fc.constant({ kind: 'left out' as const }) },
  {
    weight: 3,
    arbitrary: fc.integer({ min: -2, max: 1 }).map((value) => ({ kind: 'all and' as const, minor: value })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'of another currency' as const }) },
);
const LEFT_OUT = { kind: 'left out' } as const;
const ask: fc.Arbitrary<AskChoice> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ amount, total: fc.constant(LEFT_OUT) }) },
  { weight: 4, arbitrary: fc.record({ amount: fc.constant(LEFT_OUT), total: amount }) },
  { weight: 1, arbitrary: fc.record({ amount, total: amount }) },
);
const holder = fc.nat(1);
const holderOrNone = fc.constantFrom(null, null, null, 0, 1);
const naming: fc.Arbitrary<NamingChoice> = fc.oneof(
  { weight: 12, arbitrary: fc.constant({ by: 'right' as const }) },
  { weight: 2, arbitrary: fc.record({ by: fc.constant('code'), holder: holderOrNone }) },
  { weight: 2, arbitrary: fc.record({ by: fc.constant('dead code'), holder: holderOrNone }) },
  { weight: 2, arbitrary: fc.record({ by: fc.constant('id'), holder }) },
);
const byStaff = fc.constantFrom<StaffNaming>('id', 'id', 'id', 'id', 'id', 'code', 'code', 'dead code');
/** How long something lasts, in units of the history's clock. */
export const MAX_UNITS = 12;
const lasts = fc.integer({ min: 1, max: MAX_UNITS });
const lastsOrNever = fc.option(lasts, { nil: null, freq: 3 });
const order = fc.nat(2);
const purpose = fc.nat(2);
const leg: fc.Arbitrary<LegChoice> = fc.record({
  names: fc.constantFrom('card', 'payment'),
  number,
  minor,
  rightCurrency: fc.integer({ min: 0, max: 9 }).map((value) => value > 0),
});

const payment = { card: number, by: naming, order, purpose, ask };
const transfer: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('transfer'),
  ...{ from: number, fromBy: byStaff, to: number, toBy: byStaff },
  ...{ amount, agreed: fc.boolean() },
});
const create: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('create'),
  currency: fc.constantFrom(0, 0, 0, 0, 0, 1, 2),
  minor: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 200, max: 20_000 }) }, minor),
  lasts: lastsOrNever,
  holder: holderOrNone,
});

const weighted: readonly (readonly [weight: number, command: fc.Arbitrary<Command>])[] = [
  [3, create],
  [20, fc.record({ do: fc.constant('redeem'), ...payment })],
  [14, fc.record({ do: fc.constant('hold'), ...payment, lasts })],
  [12, fc.record({ do: fc.constant('capture'), hold: number, amount })],
  [4, fc.record({ do: fc.constant('release'), hold: number })],
  [10, fc.record({ do: fc.constant('refund'), payment: number, amount })],
  [10, transfer],
  [1, fc.record({ do: fc.constant('void'), card: number })],
  [1, fc.record({ do: fc.constant('freeze'), card: number })],
  [4, fc.record({ do: fc.constant('unfreeze'), card: number })],
  [8, fc.record({ do: fc.constant('reissue'), card: number })],
  [6, fc.record({ do: fc.constant('reload'), card: number, amount })],
  [5, fc.record({ do: fc.constant('extend'), card: number, lasts: lastsOrNever })],
  [10, fc.record({ do: fc.constant('refund order'), order, legs: fc.array(leg, { minLength: 1, maxLength: 3 }) })],
  [2, fc.record({ do: fc.constant('cancel'), order })],
  [10, fc.record({ do: fc.constant('tick'), units: fc.integer({ min: 1, max: 4 }) })],
  [4, fc.record({ do: fc.constant('sweep') })],
  [8, fc.record({ do: fc.constant('repeat') })],
];

const command = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** Up to forty commands after the issue of one to three cards. */
export const histories: fc.Arbitrary<readonly Command[]> = fc
  .tuple(fc.array(create, { minLength: 1, maxLength: 3 }), fc.array(command, { maxLength: 40, size: 'max' }))
  .map(([cards, commands]) => [...cards, ...commands]);
