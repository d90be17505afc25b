import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import helmet from 'helmet';
import { z } from 'zod';
import { command, context } from '../src/application/shared/contract.ts';
import { compile } from '../src/application/shared/pipeline.ts';
import { observeOperations } from '../src/infrastructure/telemetry/observe-operations.ts';
import { createPrometheusMetrics } from '../src/infrastructure/telemetry/prometheus-metrics.ts';
import { createHttpApi } from '../src/interfaces/http/http-api.ts';
import type { LoadResult } from './http-load.ts';

const input = z.object({ id: z.string().max(100), amount: z.string().max(30), note: z.string().max(200).optional() });
const BODY = JSON.stringify({ id: '0b7c1f3e-6a54-4a8e-9d0c-3f1f5d1f7a11', amount: '25.00', note: 'for the benchmark' });

const echoes = context({
  name: 'echoes',
  noun: 'Echo',
  operations: {
    say: command({ summary: 'Answers what it was given', idempotency: 'none', input, output: input, errors: [] }),
  },
  events: {},
});

/** What most services are made of: the yardstick. */
function bareExpress(): RequestListener {
  const app = express();
  app.use(helmet());
  app.use(express.json());
  app.post('/v1/echoes/say', (request, response) => {
    const parsed = input.safeParse(request.body);
    if (!parsed.success) {
      response.status(400).json({ success: false });
      return;
    }
    response.json({ success: true, data: parsed.data, timestamp: new Date().toISOString() });
  });
  return app;
}

/** The same command through the whole interface, with the metrics that the server keeps. */
function wholePipeline(): RequestListener {
  const metrics = createPrometheusMetrics({ version: 'bench' });
  const operations = compile(
    echoes,
    { say: (data) => Promise.resolve({ data }) },
    { observe: observeOperations(metrics) },
  );
  return createHttpApi({
    answered: (request) => metrics.answered(request),
    operations,
    info: { title: 'Benchmark', version: '1' },
    anonymous: { id: 'anonymous', kind: 'anonymous', tenant: 'default', permissions: new Set(['echoes:*']) },
    authenticate: () => {
      throw new Error('nobody has credentials here');
    },
    report: (error) => console.error(error),
  });
}

export interface HttpPipelineOptions {
  readonly rounds?: number;
  readonly roundMs?: number;
  readonly connections?: number;
}

export interface HttpPipelineResult {
  /** Requests per second, medians over the rounds. */
  readonly barePerSecond: number;
  readonly pipelinePerSecond: number;
  /** Median of pipeline ÷ bare, each pair measured side by side. */
  readonly ratio: number;
  /** The same by requests per second of the server's processor time, which other programs disturb less. */
  readonly processorRatio: number;
  /** Greatest share of one processor that the load generator took in a round. */
  readonly generatorShare: number;
}

/** Measures the empty pipeline against bare Express 5 with zod, helmet and its JSON parser, in alternating rounds. */
export async function benchHttpPipeline(options: HttpPipelineOptions = {}): Promise<HttpPipelineResult> {
  const { rounds = 9, roundMs = 2_000, connections = 32 } = options;
  const load = fork(new URL('./http-load.ts', import.meta.url));
  const servers = [await serve(bareExpress()), await serve(wholePipeline())] as const;
  try {
    for (const server of servers) await measure(load, server, connections, roundMs / 2);
    const results: (readonly [Measured, Measured])[] = [];
    for (let round = 0; round < rounds; round++) {
      // Whoever comes first in a round has it neither better nor worse over all of them.
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      const pair: Measured[] = [];
      for (const index of order) pair[index] = await measure(load, servers[index] as Server, connections, roundMs);
      results.push([pair[0] as Measured, pair[1] as Measured]);
    }
    return {
      barePerSecond: Math.round(median(results.map(([bare]) => bare.perSecond))),
      pipelinePerSecond: Math.round(median(results.map(([, pipeline]) => pipeline.perSecond))),
      ratio: median(results.map(([bare, pipeline]) => pipeline.perSecond / bare.perSecond)),
      processorRatio: median(results.map(([bare, pipeline]) => pipeline.perProcessorSecond / bare.perProcessorSecond)),
      generatorShare: Math.max(...results.flat().map(({ generatorShare }) => generatorShare)),
    };
  } finally {
    load.kill();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

interface Measured {
  readonly perSecond: number;
  readonly perProcessorSecond: number;
  readonly generatorShare: number;
}

async function measure(
  load: ChildProcess,
  server: Server,
  connections: number,
  milliseconds: number,
): Promise<Measured> {
  const { port } = server.address() as AddressInfo;
  const before = process.cpuUsage();
  load.send({ port, path: '/v1/echoes/say', body: BODY, connections, milliseconds });
  const [result] = (await once(load, 'message')) as [LoadResult | { error: string }];
  if ('error' in result) throw new Error(result.error);
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: result.answers / result.seconds,
    perProcessorSecond: result.answers / ((user + system) / 1e6),
    generatorShare: result.processorShare,
  };
}

async function serve(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

if (import.meta.main) console.log(await benchHttpPipeline());
