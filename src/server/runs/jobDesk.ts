/** Runs that are started from the page: one at a time, by the command itself in a process of its own, and only after its
 *  dry run was shown. A run goes on when the server ends, as one that was started in a terminal. */
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { freeFolder } from '../../base/makeFolder.js';
import { ApiError, badRequest } from '../apiError.js';
import type { JobFacts, PlanAnswer, PlanRequest, RecipeFacts } from './protocol.js';
import { runFolder } from './runId.js';

/** How a run is started: the command line's to say. */
export interface Launcher {
  /** Recipes that may be started. */
  readonly recipes: () => readonly RecipeFacts[];
  /** Starts the command. @param output file descriptor that its output goes to */
  readonly launch: (args: readonly string[], output: number) => ChildProcess;
}

interface Planned {
  readonly plan: string;
  readonly id: string;
  readonly args: readonly string[];
}

interface Job extends Planned {
  readonly child: ChildProcess;
  readonly output: string;
  state: JobFacts['state'];
  exitCode: number | null;
}

/** A dry run that takes longer is given up. */
const dryRunMs = 120_000;
const shownChars = 8000;
const folderForm = /^[A-Za-z0-9][\w.,=+-]{0,99}$/;

export class JobDesk {
  readonly #root: string;
  readonly #launcher: Launcher;
  readonly #scratch = mkdtempSync(join(tmpdir(), 'gadfly-ui-'));
  #planned: Planned | null = null;
  #job: Job | null = null;

  /** @param root the real path of the folder that is shown */
  constructor(root: string, launcher: Launcher) {
    this.#root = root;
    this.#launcher = launcher;
  }

  get recipes(): readonly RecipeFacts[] {
    return this.#launcher.recipes();
  }

  /** Returns the run that was started last; null before the first. */
  get job(): JobFacts | null {
    if (this.#job === null) return null;
    const { id, args, state, exitCode, output } = this.#job;
    return { id, command: commandOf(args), state, exitCode, log: readEnd(output) };
  }

  /** Makes the dry run of what is asked for. @throws ApiError for a recipe or a folder that is not to be had */
  async plan(request: PlanRequest): Promise<PlanAnswer> {
    const { id, args } = this.#argumentsOf(request);
    const output = join(this.#scratch, `${randomUUID()}.txt`);
    const child = this.#launch([...args, '--dry-run'], output);
    const timer = setTimeout(() => child.kill('SIGKILL'), dryRunMs);
    const code = await exitOf(child);
    clearTimeout(timer);
    const text = readEnd(output);
    rmSync(output, { force: true });
    const plan = code === 0 ? randomUUID() : null;
    if (plan !== null) this.#planned = { plan, id, args };
    return { plan, command: commandOf(args), text };
  }

  /** Starts what was planned last. @throws ApiError where its dry run was not shown, or another one is in work */
  start(plan: string): JobFacts | null {
    const planned = this.#planned;
    if (planned?.plan !== plan) throw conflict('its dry run is shown first: this plan is not the last one', 'plan');
    if (this.#job !== null && this.#job.state !== 'ended')
      throw conflict(`one run at a time: ${this.#job.id} is in work`, 'busy');
    this.#planned = null;
    const output = join(this.#scratch, `${plan}.txt`);
    const job: Job = {
      ...planned,
      child: this.#launch(planned.args, output),
      output,
      state: 'running',
      exitCode: null,
    };
    this.#job = job;
    void exitOf(job.child).then((code) => {
      job.state = 'ended';
      job.exitCode = code;
    });
    job.child.unref();
    return this.job;
  }

  /** Asks the run in work to stop: it saves its state first. @throws ApiError where none is in work */
  stop(): JobFacts | null {
    if (this.#job?.state !== 'running') throw conflict('no run of this page is in work', 'idle');
    this.#job.state = 'stopping';
    this.#job.child.kill('SIGINT');
    return this.job;
  }

  #argumentsOf(request: PlanRequest): Omit<Planned, 'plan'> {
    const changes = [
      ...request.set.map((each) => `--set=${each}`),
      ...(request.seed === null ? [] : [`--seed=${String(request.seed)}`]),
    ];
    if (request.kind === 'resume') {
      const folder = runFolder(this.#root, request.id);
      return { id: request.id, args: ['run', '--resume', folder, ...changes] };
    }
    const { recipe, folder } = request;
    if (!this.#launcher.recipes().some(({ name }) => name === recipe))
      throw badRequest('there is no such recipe to start', 'recipe');
    if (folder !== null && !folderForm.test(folder))
      throw badRequest('a folder is a name of letters, digits and . , _ = + -, without slashes', 'folder');
    const name =
      recipe
        .split('/')
        .at(-1)
        ?.replace(/\.ya?ml$/, '') ?? recipe;
    const place = folder === null ? freeFolder(join(this.#root, name)) : join(this.#root, folder);
    if (existsSync(place)) throw badRequest('this folder is there already', 'folder');
    const id = relative(this.#root, place).split(sep).join('/');
    return { id, args: ['run', recipe, '--out', place, ...changes] };
  }

  #launch(args: readonly string[], output: string): ChildProcess {
    const descriptor = openSync(output, 'a', 0o600);
    try {
      return this.#launcher.launch(args, descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Returns the exit code; null after a signal, or where the process could not be started. */
async function exitOf(child: ChildProcess): Promise<number | null> {
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  } catch {
    return null;
  }
}

function readEnd(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').slice(-shownChars) : '';
}

function commandOf(args: readonly string[]): string {
  return [
    'gadfly',
    ...args.map((arg) => (/^[\w./=,:+-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`)),
  ].join(' ');
}

function conflict(message: string, code: string): ApiError {
  return new ApiError(409, message, { code });
}
