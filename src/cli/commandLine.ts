/** The command line: builds commander's program from the table of commands, runs one, prints its result, and maps what
 *  went wrong to an exit code. With --json exactly one document goes to stdout, errors included; everything else goes
 *  to stderr. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { GadflyError, InterruptedError } from '../base/errors.js';
import { jsonText } from '../base/json.js';
import type { JsonObject } from '../base/json.js';
import { packageVersion } from '../runs/manifest.js';
import { RecipeError } from '../recipe/readRecipe.js';
import type {
  CommandContext,
  CommandDefinition,
  CommandResult,
  FlagDefinition,
  FlagValues,
  GlobalOptions,
} from './command.js';
import { commands } from './commands/all.js';
import { exitCodeOf, exitCodes } from './exitCodes.js';
import { createProgress, silentProgress } from './progress.js';
import type { Terminal } from './terminal.js';

const groups: Readonly<Record<string, string>> = { models: 'see, fetch and convert models', config: 'check recipes' };

/** Runs one command. Never rejects. @returns the exit code */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const wantsJson = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined).includes('--json');
  let code: number = exitCodes.ok;
  let hasPrinted = false;
  const printed: string[] = [];
  const own = wantsJson ? { ...terminal, stdout: (text: string) => void printed.push(text) } : terminal;
  const program = buildProgram(own, async (definition, argument, flags, globals) => {
    const print = (result: Pick<CommandResult, 'json' | 'text'>): void => {
      if (hasPrinted) return;
      hasPrinted = true;
      terminal.stdout(globals.json ? `${jsonText(result.json)}\n` : ensureNewline(result.text));
    };
    const result = await runCommand(definition, argument, flags, globals, terminal, print);
    print(result);
    code = result.exitCode ?? exitCodes.ok;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      // --help, --version
      if (wantsJson)
        terminal.stdout(
          `${jsonText({ [error.code === 'commander.version' ? 'version' : 'help']: printed.join('').trimEnd() })}\n`,
        );
      return exitCodes.ok;
    }
    reportError(error, wantsJson && !hasPrinted, terminal);
    code = exitCodeOf(error);
  }
  return code;
}

async function runCommand(
  definition: CommandDefinition,
  argument: string | undefined,
  flags: FlagValues,
  globals: GlobalOptions,
  terminal: Terminal,
  announce: CommandContext['announce'],
): Promise<CommandResult> {
  let stopRequests = 0;
  let done: string | null = null;
  const stop = new AbortController();
  const progress = globals.quiet ? silentProgress : createProgress(terminal);
  const release = terminal.onInterrupt(() => {
    stopRequests++;
    stop.abort();
    if (done !== null && stopRequests === 1) {
      if (!globals.quiet) terminal.stderr('\nThe run is done; its page is being written.\n');
    } else if (
      stopRequests > 1 ||
      (definition.savesWhenInterrupted !== true && definition.runsUntilInterrupted !== true)
    ) {
      progress.stop();
      reportError(stoppedAtOnce(definition, done), globals.json, terminal);
      terminal.exit(exitCodes.interrupted);
    } else if (!globals.quiet) {
      const what =
        definition.runsUntilInterrupted === true
          ? 'Closing'
          : 'Stopping after the current forward or backward pass, or the checkpoint that is being written';
      terminal.stderr(`\n${what}; press Ctrl-C again to stop at once.\n`);
    }
  });
  const context: CommandContext = {
    terminal,
    globals,
    progress,
    announce,
    noteDone: (remedy) => {
      done = remedy;
    },
    interrupted: () => stopRequests > 0,
    signal: stop.signal,
    log: (line) => {
      if (!globals.quiet) terminal.stderr(`${line}\n`);
    },
  };
  try {
    return await definition.run(argument, flags, context);
  } finally {
    progress.stop();
    release();
  }
}

function stoppedAtOnce({ savesWhenInterrupted }: CommandDefinition, done: string | null): InterruptedError {
  if (done !== null)
    return new InterruptedError('stopped while the page was written; the run is done', { remedy: done });
  return savesWhenInterrupted === true
    ? new InterruptedError('stopped at once; the last checkpoint is kept', {
        remedy: 'Go on from it with `gadfly run --resume DIR`.',
      })
    : new InterruptedError('stopped');
}

function reportError(error: unknown, asJson: boolean, terminal: Terminal): void {
  const debug = terminal.environment['GADFLY_DEBUG'] !== undefined && error instanceof Error;
  // Commander has already written its own message to stderr.
  if (!(error instanceof CommanderError))
    terminal.stderr(`gadfly: ${debug ? (error.stack ?? error.message) : messageOf(error)}\n`);
  if (asJson) terminal.stdout(`${jsonText({ error: errorDocument(error) })}\n`);
}

function messageOf(error: unknown): string {
  if (error instanceof GadflyError) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  return `${text}\n  remedy:   This is not an error that gadfly foresees; run again with GADFLY_DEBUG=1 to see where it comes from.`;
}

function errorDocument(error: unknown): JsonObject {
  const message = error instanceof Error ? error.message.replace(/^error: /, '') : String(error);
  if (error instanceof CommanderError)
    return { code: 'usage', message: error.code === 'commander.help' ? 'no command is named; see --help' : message };
  if (!(error instanceof GadflyError)) return { code: 'unexpected', message };
  const { where, expected, got, remedy } = error.details;
  const details: JsonObject = { where, expected, got, remedy };
  const problems = error instanceof RecipeError ? { problems: error.problems.map((problem) => ({ ...problem })) } : {};
  return { code: error.code, message, ...details, ...problems };
}

type Act = (
  definition: CommandDefinition,
  argument: string | undefined,
  flags: FlagValues,
  globals: GlobalOptions,
) => Promise<void>;

function buildProgram(terminal: Pick<Terminal, 'stdout' | 'stderr' | 'columns'>, act: Act): Command {
  const program = plain(new Command('gadfly'), terminal)
    .description('Provoke a language model into its likely failures, measure them, and train them away.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .option('--json', 'print exactly one JSON document on stdout')
    .option('--quiet', 'print no progress and no notes')
    .addOption(new Option('--threads <n>', 'processor threads to use (default: one per core)').argParser(threadsParser))
    .addOption(
      new Option('--device <kind>', 'what executes the models (default: cpu)').choices(['cpu', 'webgpu', 'cuda']),
    )
    .option('--cache <dir>', 'where fetched models are kept (default: the hub’s standard place)')
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 error, 2 usage or configuration, 3 threshold exceeded, 4 budget reached, 130 interrupted.',
    );
  const parents = new Map<string, Command>();
  for (const definition of Object.values(commands)) {
    const [head = '', tail] = definition.name.split(' ');
    const parent = tail === undefined ? program : groupOf(parents, program, head, terminal);
    addCommand(parent, tail ?? head, definition, terminal, (argument, flags) =>
      act(definition, argument, flags, globalOptions(program.opts())),
    );
  }
  return program;
}

function groupOf(
  parents: Map<string, Command>,
  program: Command,
  name: string,
  terminal: Pick<Terminal, 'stdout' | 'stderr' | 'columns'>,
): Command {
  let group = parents.get(name);
  if (group === undefined) {
    group = plain(new Command(name), terminal).description(groups[name] ?? '');
    program.addCommand(group);
    parents.set(name, group);
  }
  return group;
}

function addCommand(
  parent: Command,
  name: string,
  definition: CommandDefinition,
  terminal: Pick<Terminal, 'stdout' | 'stderr' | 'columns'>,
  act: (argument: string | undefined, flags: FlagValues) => Promise<void>,
): void {
  const command = plain(new Command(name), terminal).description(definition.summary);
  if (definition.argument !== undefined) {
    const argument = new Argument(definition.argument.form, definition.argument.summary);
    command.addArgument(
      definition.argument.choices === undefined ? argument : argument.choices([...definition.argument.choices]),
    );
  }
  const { secondArgument } = definition;
  if (secondArgument !== undefined) command.addArgument(new Argument(secondArgument.form, secondArgument.summary));
  for (const flag of definition.flags) command.addOption(optionOf(flag));
  command.addHelpText(
    'after',
    `\nExamples:\n${definition.examples.map((line) => `  ${line}`).join('\n')}\n\nGlobal flags, such as --json, are listed by \`gadfly --help\`.`,
  );
  command.action(async (...args: unknown[]) => {
    const argument = definition.argument === undefined ? undefined : (args[0] as string | undefined);
    const flags = command.opts<Record<string, string | number | boolean | string[]>>();
    await act(argument, secondArgument === undefined ? flags : { ...flags, second: args[1] as string });
  });
  parent.addCommand(command);
}

function optionOf(flag: FlagDefinition): Option {
  const shown = flag.default === undefined ? flag.summary : `${flag.summary} (default: ${flag.default})`;
  const option = new Option(flag.flags, shown);
  if (flag.choices !== undefined) option.choices([...flag.choices]);
  if (flag.parse === 'list')
    option.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value]);
  else if (flag.parse !== undefined) option.argParser(numberParser(flag.parse));
  return option;
}

function numberParser(kind: 'count' | 'countFromZero' | 'number' | 'integer'): (value: string) => number {
  const wanted = {
    count: 'a whole number of at least 1',
    countFromZero: 'a whole number of at least 0',
    number: 'a number of at least 0',
    integer: 'a whole number',
  }[kind];
  return (value) => {
    const number = value.trim() === '' ? NaN : Number(value);
    const whole = kind === 'number' ? Number.isFinite(number) : Number.isSafeInteger(number);
    const least = kind === 'count' ? 1 : kind === 'integer' ? -Infinity : 0;
    if (!whole || number < least) throw new InvalidArgumentError(`Expected ${wanted}.`);
    return number;
  };
}

/** Each thread costs memory and a start: many more than any machine has processors only look like a hang. */
function threadsParser(value: string): number {
  const threads = numberParser('count')(value);
  if (threads > 1024) throw new InvalidArgumentError('Expected at most 1024.');
  return threads;
}

/** Commander with our streams, and with errors thrown instead of ending the process. */
function plain(command: Command, terminal: Pick<Terminal, 'stdout' | 'stderr' | 'columns'>): Command {
  return command
    .exitOverride()
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .configureOutput({
      writeOut: terminal.stdout,
      writeErr: terminal.stderr,
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
      outputError: (text, write) => {
        write(text.replace(/^error: /, 'gadfly: '));
      },
    })
    .showHelpAfterError('Run the command with --help to see its flags.');
}

function globalOptions(values: Readonly<Record<string, unknown>>): GlobalOptions {
  const { json, quiet, threads, device, cache } = values;
  return {
    json: json === true,
    quiet: quiet === true,
    threads: typeof threads === 'number' ? threads : null,
    device: device === 'webgpu' || device === 'cuda' ? device : 'cpu',
    cache: typeof cache === 'string' ? cache : null,
  };
}

function ensureNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
