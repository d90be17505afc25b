#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// What V8 has compiled is kept for the next start, which it makes faster by a quarter. It lies beside the code, so that
// whoever could put something else there could as well change the code; where nothing can be written it is left out.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/portolan', import.meta.url)));

// In a checkout the sources, which its own Node runs as they are; in the package, which has none, what was compiled.
const sources = new URL('../src/cli.ts', import.meta.url);
await import(existsSync(sources) ? sources.href : '../dist/cli.js');
