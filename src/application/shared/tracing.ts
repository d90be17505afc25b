/** What a span stands for: an answer to a caller, a call to another service, work inside, a message sent or taken. */
export type SpanKind = 'server' | 'client' | 'internal' | 'producer' | 'consumer';

export interface SpanStart {
  /** One of few: a word such as `GiftCard.redeem`. */
  readonly name: string;
  readonly kind: SpanKind;
  /** The `traceparent` of what caused this. */
  readonly parent?: string | undefined;
  /** Never a secret, nothing personal, nothing from an input. */
  readonly attributes?: { readonly [name: string]: string | number | boolean };
}

/** A piece of work in a trace. */
export interface Span {
  /** What to hand on, so that what follows from this work becomes its child. */
  readonly traceParent: string;
  /** Runs something whose own libraries may add spans: they become children of this one. */
  within<T>(run: () => T): T;
  /** `outcome`: `ok`, the code of a `DomainError`, or `unexpected`; `failed` marks what operators should look at. */
  end(outcome: string, failed: boolean): void;
}

/** Records spans where somebody collects them. */
export interface Tracer {
  /** Undefined while nobody collects spans, and then costs next to nothing. */
  start(span: SpanStart): Span | undefined;
}

/** Records nothing. */
export const noTracer: Tracer = { start: () => undefined };
