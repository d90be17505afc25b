/** What went wrong, in the words of the one table that maps it to HTTP status, retry policy and exit code. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'rule_violated'
  | 'rate_limited'
  | 'unavailable';

/** Data that JSON can carry. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Facts about an error that the caller may see; never a secret, never personal. */
export type ErrorDetails = { readonly [key: string]: Json };

/** A class of errors: what contracts list and receipts name. */
export interface DomainErrorClass {
  readonly code: string;
  readonly kind: ErrorKind;
  new (message: string, details?: ErrorDetails): DomainError;
}

/** Known to all copies of this module, and no part of the type: the types of two copies fit each other. */
const BRAND = Symbol.for('portolan.DomainError');

/**
 * An expected failure, named for the business. A subclass states its stable `code` and its `kind` as static
 * fields and keeps this constructor, so that a stored refusal can be rebuilt from code, message and details.
 */
export abstract class DomainError extends Error {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /**
   * An error of another copy of this package in the same process is a `DomainError` too, or else its refusals would be
   * taken for faults. A subclass has its own instances only.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== DomainError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && BRAND in Object(Object.getPrototypeOf(value));
  }

  readonly details: ErrorDetails;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = new.target.name;
    this.details = details;
  }

  /** The class that this error belongs to. */
  get type(): DomainErrorClass {
    return this.constructor as unknown as DomainErrorClass;
  }

  get code(): string {
    return this.type.code;
  }

  get kind(): ErrorKind {
    return this.type.kind;
  }
}
