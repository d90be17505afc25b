/** Durations in microseconds, by the class of what took them. */
export type Durations = ReadonlyMap<string, number[]>;

/** How the durations of one class stand to those of the reference. */
export interface Comparison {
  readonly name: string;
  readonly count: number;
  readonly meanUs: number;
  /** Welch's t of the two means: beyond ±4.5 the classes are told apart, by chance once in 150,000 comparisons. */
  readonly t: number;
  /** The difference of means that would have given a t of 4.5. */
  readonly resolutionUs: number;
}

export const T_LIMIT = 4.5;

/** Runs `work` and resolves to how long it took. */
export async function timeUs(work: () => Promise<unknown>): Promise<number> {
  const startedAt = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - startedAt) / 1000;
}

export const emptyDurations = (names: readonly string[]): Durations => new Map(names.map((name) => [name, []]));

/** The classes `rounds` times, each round in an order of its own: what changes with time meets all classes alike. */
export function* interleaved(names: readonly string[], rounds: number): Generator<string> {
  for (let round = 0; round < rounds; round += 1) yield* shuffled(names);
}

function shuffled(names: readonly string[]): readonly string[] {
  return names
    .map((name) => ({ name, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ name }) => name);
}

/** The middle one of all durations. */
export function medianUs(durations: Durations): number {
  return quantile(durations, 0.5);
}

/**
 * Compares each class with the reference, after leaving out whatever is longer than 99 % of all durations together:
 * one bound for all classes, so that the pauses of the machine decide nothing and no class is favoured.
 */
export function compareWith(reference: string, durations: Durations): readonly Comparison[] {
  const bound = quantile(durations, 0.99);
  const summaryOf = (name: string): Summary =>
    summarize((durations.get(name) ?? []).filter((duration) => duration <= bound));
  const base = summaryOf(reference);
  return [...durations.keys()].map((name) => {
    const { count, mean, variance } = summaryOf(name);
    const error = Math.sqrt(variance / count + base.variance / base.count);
    return { name, count, meanUs: mean, t: (mean - base.mean) / error, resolutionUs: T_LIMIT * error };
  });
}

export function printComparisons(title: string, durations: Durations, comparisons: readonly Comparison[]): void {
  console.log(`      ${title}; median ${medianUs(durations).toFixed(0)} µs`);
  for (const { name, count, meanUs, t, resolutionUs } of comparisons) {
    const numbers = `mean ${meanUs.toFixed(1)} µs, t ${t.toFixed(2)}, resolution ${resolutionUs.toFixed(1)} µs`;
    console.log(`        ${name.padEnd(16)} ${numbers}, ${count} samples`);
  }
}

interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

function summarize(values: readonly number[]): Summary {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { count, mean, variance };
}

function quantile(durations: Durations, share: number): number {
  const sorted = Float64Array.from([...durations.values()].flat()).sort();
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}
