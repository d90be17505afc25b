import { cpus, totalmem } from 'node:os';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchBulk } from '../bench/bulk.bench.ts';
import { benchEventLog } from '../bench/event-log.bench.ts';
import { benchHttpPipeline } from '../bench/http-pipeline.bench.ts';
import { benchHttpRedemption } from '../bench/http-redemption.bench.ts';
import { benchJobs } from '../bench/jobs.bench.ts';
import { benchRedemption } from '../bench/redemption.bench.ts';
import { startEmbeddedPostgres } from '../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import { migrate } from '../src/infrastructure/postgres/migrate.ts';

/** One line of the report: what was measured, what it should be, and how it came about. */
interface Figure {
  readonly name: string;
  readonly measured: string;
  readonly goal: string;
  readonly reached: boolean;
  readonly detail: string;
  /** Why the goal is missed when it is, as far as is known. */
  readonly why: string;
}

const times = (ratio: number): string => `${ratio.toFixed(2)}×`;
const percent = (ratio: number): string => `${(ratio * 100).toFixed(0)} %`;
const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString('en')}/s`;

const figure = (
  name: string,
  measured: string,
  goal: string,
  reached: boolean,
  detail: string,
  why = 'not known; other programs on the machine are likely',
): Figure => ({ name, measured, goal, reached, detail, why });

const WHY_SPREAD = `A redemption takes about 75 µs of a processor in the process and 90 µs in the database (measured with
  the system's own counters), and both share two processors with the load generator; a fifth of these idles while one side
  waits for the other. In the process the cost is spread thin: keyed hashes, JSON, arrays for the driver, validation. In the
  database 45 µs write rows and index entries of five tables, one more than the rival writes (the record of the redemption,
  by which a repeat under another key is told), and 16 µs look up the code and lock the card, which the rival doesn't need
  since it knows the row. Three times the rival would leave 125 to 150 µs for both.`;
const WHY_P99 = `With 256 callers at the measured rate each waits for as long as 256 redemptions take, which is half of
  this; the slowest met a batch of the other half, a pause of the garbage collector or a flush besides. Fewer callers
  wait less.`;
const WHY_LONE = `A lone command pays alone for what a batch shares: two round trips, six statements, five tables, and
  the code of the whole pipeline out of cold caches.`;

/** A database that one bench has to itself, with default durability. */
async function onDatabase<T>(work: (url: string) => Promise<T>): Promise<T> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'portolan-bench-'));
  const server = await startEmbeddedPostgres({ dataFolder });
  try {
    await migrate(server.ownerUrl);
    return await work(server.applicationUrl);
  } finally {
    await server.stop();
    await rm(dataFolder, { recursive: true });
  }
}

async function redemption(): Promise<Figure[]> {
  const r = await benchRedemption();
  const rival = 'the best single statement in pgbench at 16 clients';
  return [
    figure(
      'Redemptions, 256 callers over 100,000 cards',
      times(r.spreadRatio),
      `≥ 3× ${rival}`,
      r.spreadRatio >= 3,
      `${rate(r.spreadPerSecond)} against ${rate(r.pgbenchSpreadPerSecond)}; this process took ${percent(r.processShare)} of a processor`,
      WHY_SPREAD,
    ),
    figure(
      'Redemptions, 256 callers on one hot card',
      times(r.hotRatio),
      `≥ 12× ${rival}`,
      r.hotRatio >= 12,
      `${rate(r.hotPerSecond)} against ${rate(r.pgbenchHotPerSecond)}`,
      `${WHY_SPREAD} On one card only its row is written once for a batch, all else as often as before: 58 µs in the
  database. One batch is stored at a time, so that process and database overlap less.`,
    ),
    figure(
      'Redemptions, 256 callers: p99',
      `${r.p99Ms.toFixed(0)} ms`,
      '< 100 ms',
      r.p99Ms < 100,
      'over 100,000 cards',
      WHY_P99,
    ),
    figure(
      'One lone caller: median',
      times(r.loneRatio),
      '< 1.5× the plain three-statement transaction',
      r.loneRatio < 1.5,
      `${r.loneP50Ms.toFixed(2)} ms against ${r.lonePlainP50Ms.toFixed(2)} ms`,
      WHY_LONE,
    ),
  ];
}

async function http(): Promise<Figure[]> {
  const empty = await benchHttpPipeline();
  const redeem = await benchHttpRedemption();
  return [
    figure(
      'The empty pipeline over HTTP',
      percent(empty.ratio),
      '≥ 85 % of bare Express 5 + zod',
      empty.ratio >= 0.85,
      `${rate(empty.pipelinePerSecond)} against ${rate(empty.barePerSecond)}; load generator ${percent(empty.generatorShare)} of a processor`,
    ),
    figure(
      'Redemptions over HTTP',
      times(redeem.ratio),
      '≥ 2× hand-written Express + pg',
      redeem.ratio >= 2,
      `${rate(redeem.portolanPerSecond)} against ${rate(redeem.handWrittenPerSecond)}; load generator ${percent(redeem.generatorShare)} of a processor`,
    ),
  ];
}

async function log(): Promise<Figure[]> {
  const r = await onDatabase((connectionString) => benchEventLog({ connectionString }));
  const appends = r.append.map(({ rowsPerCommit, percent: share, oursPerSecond, rawPerSecond }) =>
    figure(
      `Appending events, ${rowsPerCommit} in a commit`,
      `${share} %`,
      '≥ 80 % of raw SQL',
      share >= 80,
      `${rate(oursPerSecond)} against ${rate(rawPerSecond)}`,
    ),
  );
  const reading = figure(
    'Reading the log',
    rate(r.readPerSecond),
    '≥ 100,000/s',
    r.readPerSecond >= 100_000,
    'one reader',
  );
  return [...appends, reading];
}

async function work(): Promise<Figure[]> {
  const jobs = await onDatabase((connectionString) => benchJobs({ connectionString }));
  const { p50Ms, p99Ms } = jobs.startInSameProcess;
  const other = jobs.startInOtherProcess;
  const bulk = await benchBulk();
  return [
    figure(
      'Jobs: enqueue to start, p99',
      `${p99Ms} ms`,
      '< 25 ms',
      p99Ms < 25,
      `p50 ${p50Ms} ms; other process p99 ${other.p99Ms} ms`,
    ),
    figure(
      'Jobs with an empty handler',
      rate(jobs.runPerSecond),
      'none',
      true,
      `bare statements ${rate(jobs.barePerSecond)}`,
    ),
    figure(
      'Bulk creation',
      rate(bulk.cardsPerSecond),
      '≥ 15,000/s',
      bulk.cardsPerSecond >= 15_000,
      `by a server, from the request to the end of the job; it had ${bulk.memoryMiB} MiB at most`,
    ),
  ];
}

const BENCHES = { redemption, http, log, work };
const wanted = process.argv.slice(2);
const figures: Figure[] = [];
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (const each of await bench()) {
    figures.push(each);
    console.log(`${each.reached ? '✔' : '✖'} ${each.name}: ${each.measured} (${each.goal}) ${each.detail}`);
  }
}
if (wanted.length === 0) {
  const [processor] = cpus();
  const machine = `${cpus().length} × ${processor?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const rows = figures.map(
    (each) =>
      `| ${each.name} | ${each.measured} | ${each.goal} | ${each.reached ? 'yes' : '**no**'} | ${each.detail} |`,
  );
  const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');
  const missed = figures.filter(({ reached }) => !reached).map((each) => `- **${each.name}**: ${oneLine(each.why)}`);
  await writeFile(
    new URL('../bench/README.md', import.meta.url),
    `# Benchmarks

\`npm run bench\` measured these on ${new Date().toISOString().slice(0, 10)}: ${machine}, Node ${process.versions.node}, PostgreSQL
with default durability on the same machine. Each figure stands beside its rival of the same run, in alternating rounds;
rates depend on the machine, ratios much less. The first part needs \`pgbench\`, which comes with the packages of a
PostgreSQL server. \`npm run bench -- redemption\` runs a part; parts: ${Object.keys(BENCHES).join(', ')}.

| What | Measured | Goal | Reached | How |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
${missed.length === 0 ? '' : `\n## Why goals are missed\n\n${missed.join('\n')}\n`}`,
  );
}
process.exit(0);
