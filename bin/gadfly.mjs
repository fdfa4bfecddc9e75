#!/usr/bin/env node
// The `gadfly` command. An installed package is built already; a clone, known by its scripts/, is built first where
// its sources changed. Plain JavaScript, because it runs before anything is built.
import { existsSync } from 'node:fs';

const build = new URL('../scripts/build.mjs', import.meta.url);
if (existsSync(build)) (await import(build.href)).ensureBuilt();
await import('../dist/src/cli/main.js');
