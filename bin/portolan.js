#!/usr/bin/env node
import { existsSync } from 'node:fs';

// In a checkout the sources, which its own Node runs as they are; in the package, which has none, what was compiled.
const sources = new URL('../src/cli.ts', import.meta.url);
await import(existsSync(sources) ? sources.href : '../dist/cli.js');
