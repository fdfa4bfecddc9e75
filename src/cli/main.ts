#!/usr/bin/env node
/** The `gadfly` command. */
import { runCommandLine } from './commandLine.js';
import { systemTerminal } from './terminal.js';

process.exitCode = await runCommandLine(process.argv.slice(2), systemTerminal());
