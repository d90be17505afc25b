import type { JobStatistics } from './job-queue.ts';

/** Counts the calls of one operation. */
export interface OperationRecorder {
  started(): void;
  /** `outcome`: `ok`, the code of a `DomainError`, or `unexpected`. */
  ended(outcome: string, seconds: number): void;
}

/** One answered HTTP request, for metrics and the access log. Nothing in it comes from address, query or body. */
export interface AnsweredRequest {
  readonly method: string;
  /** The address as it is written in the interface, `/v1/gift-cards/redeem`; undefined where there is none. */
  readonly route: string | undefined;
  /** The status sent, or 499 where the client hung up before. */
  readonly status: number;
  readonly durationMs: number;
  readonly correlationId: string;
  readonly principalId?: string | undefined;
  readonly traceId?: string | undefined;
}

/** How far the readers of the event log have come. */
export interface EventLogState {
  readonly head: bigint;
  readonly consumers: readonly ConsumerState[];
}

/** How far a consumer has come, and how many events it has given up on that have not been handled since. */
export interface ConsumerState {
  readonly name: string;
  readonly position: bigint;
  readonly dead: number;
}

/** Connections of one pool. */
export interface PoolState {
  readonly busy: number;
  readonly idle: number;
  /** Callers who wait for a connection. */
  readonly waiting: number;
}

/** Something that is asked for its state whenever metrics are collected; what fails is reported as down. */
export type MetricSource =
  | { readonly kind: 'http'; readonly name: string; readonly read: () => number }
  | { readonly kind: 'commands'; readonly name: string; readonly read: () => number }
  | { readonly kind: 'pool'; readonly name: string; readonly read: () => PoolState }
  | { readonly kind: 'event-log'; readonly name: string; readonly read: () => Promise<EventLogState> }
  | { readonly kind: 'jobs'; readonly name: string; readonly read: () => Promise<readonly JobStatistics[]> };

/** Takes measurements. Never throws and never waits; every label has few values, whatever callers send. */
export interface Metrics {
  /** The recorder of an operation, by its word; to be kept, not asked for with each call. */
  operation(word: string): OperationRecorder;
  answered(request: AnsweredRequest): void;
  /** So many commands shared one commit of this repository. */
  committed(repository: string, commands: number): void;
  watch(source: MetricSource): void;
}

const nothing = (): void => undefined;

/** Measures nothing. */
export const noMetrics: Metrics = {
  operation: () => ({ started: nothing, ended: nothing }),
  answered: nothing,
  committed: nothing,
  watch: nothing,
};
