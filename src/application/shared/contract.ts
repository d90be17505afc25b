import type { z } from 'zod';
import type { DomainErrorClass } from '../../domain/shared/domain-error.ts';

type Schema = z.ZodType;

/** How often one caller may call, counted in a sliding minute unless `windowSeconds` says otherwise. */
export interface RateLimit {
  readonly max: number;
  readonly windowSeconds?: number;
}

interface OperationBase<Input extends Schema, Output extends Schema> {
  /** One line for documentation and `--help`. */
  readonly summary: string;
  readonly input: Input;
  /** A wider input for callers in the same process, where theirs may leave out what a remote one has to state. */
  readonly libraryInput?: Schema;
  readonly output: Output;
  /** Errors of the business that this operation can answer with, besides those of the frame. */
  readonly errors: readonly DomainErrorClass[];
  /** True when `<permission>:own` is enough for rows that belong to the caller. */
  readonly own?: boolean;
  readonly rateLimit?: RateLimit;
}

/** Changes something. `idempotency: 'required'` where repeating it would move money or create something twice. */
export interface CommandDefinition<Input extends Schema = Schema, Output extends Schema = Schema> extends OperationBase<
  Input,
  Output
> {
  readonly kind: 'command';
  readonly idempotency: 'required' | 'none';
}

/** Reads. Called with GET unless its input holds a secret, which never stands in a URL. */
export interface QueryDefinition<Input extends Schema = Schema, Output extends Schema = Schema> extends OperationBase<
  Input,
  Output
> {
  readonly kind: 'query';
}

/** Reads a long list: `output` is one item, sent as JSON lines or CSV while it is produced. */
export interface StreamDefinition<Input extends Schema = Schema, Output extends Schema = Schema> extends OperationBase<
  Input,
  Output
> {
  readonly kind: 'stream';
}

export type OperationDefinition = CommandDefinition | QueryDefinition | StreamDefinition;

/** An event that the context publishes; its name in the contract is its type in the log and its topic. */
export interface EventDefinition<Payload extends Schema = Schema> {
  readonly kind: 'event';
  readonly summary: string;
  readonly version: number;
  /** Field of the payload that orders messages and names the aggregate. */
  readonly key: string;
  readonly payload: Payload;
}

/** A context's language, stated once; every transport derives its spelling from it with `spell`. */
export interface ContextContract {
  /** Kebab case, plural: `gift-cards`. Stands in paths, permissions and commands. */
  readonly name: string;
  /** Pascal case, singular: `GiftCard`. Stands in words such as `GiftCard.redeem`. */
  readonly noun: string;
  readonly operations: { readonly [verb: string]: OperationDefinition };
  readonly events: { readonly [type: string]: EventDefinition };
  /**
   * Events of other systems that its consumers act on, by type, each with the schema of its data. `Event.ingest` takes in
   * no others, and of their data only what the schema has goes into the log, for ever: so it has nothing personal.
   */
  readonly consumes?: { readonly [type: string]: Schema };
  /** Permissions that are no operation, such as `gift-cards:diagnose`, with what they allow. */
  readonly permissions?: { readonly [name: string]: string };
}

export const command = <D extends Omit<CommandDefinition, 'kind'>>(
  definition: D,
): D & { readonly kind: 'command' } => ({
  kind: 'command',
  ...definition,
});

export const query = <D extends Omit<QueryDefinition, 'kind'>>(definition: D): D & { readonly kind: 'query' } => ({
  kind: 'query',
  ...definition,
});

export const stream = <D extends Omit<StreamDefinition, 'kind'>>(definition: D): D & { readonly kind: 'stream' } => ({
  kind: 'stream',
  ...definition,
});

export const event = <P extends Schema>(definition: Omit<EventDefinition<P>, 'kind'>): EventDefinition<P> => ({
  kind: 'event',
  ...definition,
});

/** Keeps the literal types of a contract while checking its shape. */
export const context = <const C extends ContextContract>(contract: C): C => contract;

/** Marks a field that must never be logged, stored in the clear or put into a URL. */
export const secret = <S extends Schema>(schema: S): S => schema.meta({ ...schema.meta(), secret: true }) as S;

/** Marks a field that belongs to a person: it lives in an erasable side table only. */
export const personal = <S extends Schema>(schema: S): S => schema.meta({ ...schema.meta(), personal: true }) as S;

/**
 * Marks an optional field that samples of the input have nevertheless: without it an input would not be accepted, or
 * would not show what the operation is for.
 */
export const sampled = <S extends Schema>(schema: S): S => schema.meta({ ...schema.meta(), sampled: true }) as S;

/** The schema of a caller in the same process. */
type LibrarySchema<O extends OperationDefinition> = O extends { readonly libraryInput: infer S extends Schema }
  ? S
  : O['input'];

/** What a remote caller passes. */
export type InputOf<O extends OperationDefinition> = z.input<O['input']>;
/** What a caller in the same process passes. */
export type LibraryInputOf<O extends OperationDefinition> = z.input<LibrarySchema<O>>;
/** What a handler gets: validated, defaults filled in. */
export type ParsedInputOf<O extends OperationDefinition> = z.output<LibrarySchema<O>>;
export type OutputOf<O extends OperationDefinition> = z.output<O['output']>;
export type PayloadOf<E extends EventDefinition> = z.output<E['payload']>;
