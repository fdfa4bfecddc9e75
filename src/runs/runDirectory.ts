/** The run directory: everything a run leaves behind, and all it needs to continue after a kill at any byte.
 *
 *  One writer (lock file). The manifest, checkpoints, models and reports are replaced atomically; records are appended.
 *  A run is made of units (an attack, an evaluation): a finished unit is noted in the manifest, a unit in progress has
 *  checkpoints. `resume` finds the newest of both that the record files still cover and cuts the files back to it, so
 *  that a resumed run appends the very bytes that an uninterrupted one would have. */
import { isPartOf } from './units.js';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../base/clock.js';
import type { Clock } from '../base/clock.js';
import { ConfigError } from '../base/errors.js';
import { invariant } from '../base/invariant.js';
import { createSpending, generatedTokens, type Spending, type Totals } from '../base/spending.js';
import { makeFolder } from '../base/makeFolder.js';
import { bestOf, checkpointsOf, listCheckpoints, pruneCheckpoints, writeCheckpointFolder } from './checkpoints.js';
import type { RunCheckpoint } from './checkpoints.js';
import type { CheckpointState } from './checkpointState.js';
import { listFolder, onDisk, removeTemporaries, writeFileAtomic, writeFolderAtomic } from '../base/files.js';
import { jsonText } from '../base/json.js';
import type { JsonObject } from '../base/json.js';
import { takeLock } from './lock.js';
import type { Lock } from './lock.js';
import { describeHost, describeVersions, readManifest } from './manifest.js';
import type { CompletedUnit, InputHash, Manifest, RunStatus } from './manifest.js';
import type { RecordLog } from './recordLog.js';
import { findResumePoint } from './resumePoint.js';
import { completedResult, unitSpending } from './runRecords.js';
import { foldersWritten, judgeFolder, modelFolder, stageFolder } from './runFolders.js';
import { failedAtOnce, newManifest, refuseOtherRun, type RunDescription } from './runDescription.js';
import { firstLogs, logPath, RunLogs } from './runLogs.js';

export class RunDirectory {
  /** Absolute. */
  readonly path: string;
  readonly #logs: RunLogs;
  /** Counts what this run spends, over all sessions. */
  #spending: Spending;
  readonly #lock: Lock;
  readonly #clock: Clock;
  readonly #openedMs: number;
  readonly #elapsedBeforeMs: number;
  #manifest: Manifest;
  #closed = false;

  private constructor(path: string, manifest: Manifest, lock: Lock, clock: Clock) {
    this.path = path;
    this.#lock = lock;
    this.#clock = clock;
    this.#openedMs = clock.monotonicMs();
    this.#elapsedBeforeMs = manifest.elapsedMs;
    this.#manifest = manifest;
    this.#spending = this.#countFrom(manifest.spent);
    this.#logs = new RunLogs(path, manifest.logs);
  }

  /** Creates a run in `path`, which must not hold one yet that has anything to keep. @throws ConfigError, EnvironmentError
   */
  static create(path: string, description: RunDescription, clock: Clock = systemClock): RunDirectory {
    const folder = resolve(path);
    onDisk(folder, () => {
      if (existsSync(folder) && !statSync(folder).isDirectory())
        throw new ConfigError('this is a file, not a folder', { where: folder, remedy: 'Choose another --out.' });
      makeFolder(folder);
    });
    const earlier = existsSync(join(folder, 'manifest.json')) ? readManifest(folder) : null;
    if (earlier !== null && !failedAtOnce(folder, earlier)) {
      throw new ConfigError('this folder already holds a run', {
        where: folder,
        remedy: `Continue it with \`gadfly run --resume ${path}\`, or choose another --out.`,
      });
    }
    const lock = takeLock(join(folder, 'run.lock'));
    try {
      for (const name of [...firstLogs, ...(earlier?.logs ?? [])]) rmSync(logPath(folder, name), { force: true });
      const run = new RunDirectory(folder, newManifest(description, clock.isoNow()), lock, clock);
      run.#writeManifest({});
      return run;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Opens an unfinished run for writing and cuts its records back to the newest state that can be continued exactly.
   *  @param description when given, must be what the run was started with, but for `limits` and how servers are asked
   *  @throws ConfigError when there is no run, when it is done, or when the description differs (naming the key) */
  static resume(path: string, description: RunDescription | null = null, clock: Clock = systemClock): RunDirectory {
    const folder = resolve(path);
    const found = readManifest(folder);
    if (description !== null) refuseOtherRun(folder, found, description);
    if (found.status === 'done')
      throw new ConfigError('this run is done', {
        where: folder,
        remedy: `See it with \`gadfly report ${path}\`, or start a new one with another --out.`,
      });
    const lock = takeLock(join(folder, 'run.lock'));
    try {
      // Once more under the lock: the previous writer may have ended it meanwhile.
      const run = new RunDirectory(folder, readManifest(folder), lock, clock);
      for (const each of foldersWritten(folder)) removeTemporaries(each);
      run.#cutBack();
      const configuration = description === null ? {} : { configuration: description.configuration };
      const here = { versions: describeVersions(), host: describeHost() };
      run.#writeManifest({ status: 'running', reason: null, ...here, ...configuration });
      return run;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  get spending(): Spending {
    return this.#spending;
  }

  /** Time spent on this run, over all sessions. */
  get elapsedMs(): number {
    return this.#elapsedBeforeMs + (this.#clock.monotonicMs() - this.#openedMs);
  }

  /** Returns the log of a name, which is the file NAME.jsonl and is begun at the first call. After a resume it holds what
   *  it held at the state that the run goes on from: nothing if it was begun later.
   *  @throws ConfigError when a file of that name is there which is none of the run's */
  log(name: string): RecordLog {
    return (
      this.#logs.get(name) ??
      this.#logs.begin(name, () => {
        this.#writeManifest({ logs: [...this.#manifest.logs, name] });
      })
    );
  }

  /** Returns the result of a unit that this or an earlier session finished, else null. */
  completed(unit: string): JsonObject | null {
    return completedResult(this.#manifest, unit);
  }

  /** Returns whether a part of this unit is finished or has a checkpoint. */
  hasBegun(unit: string): boolean {
    const isPart = (entry: { readonly unit: string }): boolean => isPartOf(entry.unit, unit);
    return this.#manifest.completed.some(isPart) || listCheckpoints(this.path).some(isPart);
  }

  /** Notes that a unit is finished; its checkpoints are removed, for what is kept of it is under models/.
   *  @param step the last step it took, counted over the whole run */
  completeUnit(unit: string, result: JsonObject, step: number = this.lastStep): void {
    invariant(this.completed(unit) === null, `unit '${unit}' is completed once`);
    this.#logs.sync();
    const spent = this.#spending.total();
    const entry: CompletedUnit = { unit, result, step, positions: this.#logs.positions(), spent };
    this.#writeManifest({ completed: [...this.#manifest.completed, entry] });
    for (const { folder } of checkpointsOf(this.path, unit)) rmSync(folder, { recursive: true, force: true });
  }

  /** Writes checkpoints/step-N atomically and keeps, of this unit, the best and the last.
   *  @param options.step counted over the whole run, increasing
   *  @param options.unit which unit is in progress
   *  @param options.score higher is better (mean dev reward); null when this step was not evaluated
   *  @param options.state what the unit needs to continue: values of JSON and typed arrays
   *  @param options.write puts files into the folder: model, optimizer, trainer
   *  @throws EnvironmentError */
  async saveCheckpoint(options: {
    readonly step: number;
    readonly unit: string;
    readonly score: number | null;
    readonly state: CheckpointState;
    readonly write: (folder: string) => Promise<void>;
  }): Promise<RunCheckpoint> {
    this.#logs.sync();
    const saved = await writeCheckpointFolder(this.path, {
      ...options,
      positions: this.#logs.positions(),
      spent: this.#spending.total(),
    });
    this.#writeManifest({});
    pruneCheckpoints(this.path, options.unit);
    return saved;
  }

  /** Returns the newest checkpoint of a unit in progress, or null. */
  latestCheckpoint(unit: string): RunCheckpoint | null {
    return checkpointsOf(this.path, unit).at(-1) ?? null;
  }

  /** Returns the checkpoint of a unit with the highest score, the earlier one of equals; null when none has a score. */
  bestCheckpoint(unit: string): RunCheckpoint | null {
    return bestOf(checkpointsOf(this.path, unit));
  }

  /** The step that finished units and checkpoints have reached, 0 at the start; a new unit counts on from it. */
  get lastStep(): number {
    const steps = [...this.#manifest.completed, ...listCheckpoints(this.path)].map((entry) => entry.step);
    return Math.max(0, ...steps);
  }

  /** Writes models/NAME atomically. Returns its absolute path. */
  async saveModel(name: string, write: (folder: string) => Promise<void>): Promise<string> {
    const folder = this.modelPath(name);
    await writeFolderAtomic(folder, write);
    return folder;
  }

  /** Returns the folder models/NAME. @throws ConfigError when the name could leave the folder */
  modelPath(name: string): string {
    return modelFolder(this.path, name);
  }

  /** Returns the folder judges/NAME. @throws ConfigError when the name could leave the folder */
  judgePath(name: string): string {
    return judgeFolder(this.path, name);
  }

  /** Returns KIND/NAME, a folder in which a stage writes as it goes on. @throws ConfigError when the name could leave it */
  stageFolder(kind: 'buffers', name: string): string {
    return stageFolder(this.path, kind, name);
  }

  hasModel(name: string): boolean {
    return existsSync(this.modelPath(name));
  }

  modelNames(): readonly string[] {
    return listFolder(join(this.path, 'models')).filter((name) => !name.startsWith('.'));
  }

  /** Writes down what was paid since the manifest was written: a process that is killed must not forget it. */
  notePaid(): void {
    if (this.#spending.total().cost > (this.#manifest.spent['cost'] ?? 0)) this.#writeManifest({});
  }

  /** Returns what a finished unit has spent, all spending since the unit before it included; null where an earlier version
   *  did not count it. */
  spendingOf(unit: string): Totals | null {
    return unitSpending(this.#manifest, unit);
  }

  #countFrom(spent: Readonly<Record<string, number>>): Spending {
    // Earlier versions counted the tokens of both sides together.
    const { generatedTokens: together = 0, ...counts } = spent;
    return createSpending({ targetTokensGenerated: together, ...counts }, () => Math.round(this.elapsedMs) / 1000);
  }

  /** Adds to the list of inputs, replacing one of the same name. */
  noteInputs(inputs: readonly InputHash[]): void {
    const names = new Set(inputs.map((input) => input.name));
    this.#writeManifest({ inputs: [...this.#manifest.inputs.filter((input) => !names.has(input.name)), ...inputs] });
  }

  writeReport(report: JsonObject): void {
    writeFileAtomic(join(this.path, 'report.json'), `${jsonText(report, 1)}\n`);
  }

  writeFile(name: 'report.html' | 'report.md', text: string): void {
    writeFileAtomic(join(this.path, name), text);
  }

  /** Writes the final status, closes the files and gives the lock back. Safe to call twice. */
  close(status: Exclude<RunStatus, 'running'>, reason?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#logs.sync();
      this.#writeManifest({ status, ...(reason === undefined ? {} : { reason }) });
    } finally {
      this.#logs.close();
      this.#lock.release();
    }
  }

  /** Writes the manifest with changes. @param change.reason null takes it away */
  #writeManifest({ reason, ...change }: Partial<Omit<Manifest, 'reason'>> & { readonly reason?: string | null }): void {
    const { reason: before = null, ...manifest } = this.#manifest;
    const kept = reason === undefined ? before : reason;
    this.#manifest = {
      ...manifest,
      ...change,
      ...(kept === null ? {} : { reason: kept }),
      spent: this.#spent(),
      updatedAt: this.#clock.isoNow(),
      elapsedMs: Math.round(this.elapsedMs),
    };
    writeFileAtomic(join(this.path, 'manifest.json'), `${jsonText(this.#manifest, 1)}\n`);
  }

  #spent(): Manifest['spent'] {
    const totals = this.#spending.total();
    return { ...this.#manifest.spent, ...totals, generatedTokens: generatedTokens(totals) };
  }

  /** Cuts the run back to the newest state that can be continued exactly. */
  #cutBack(): void {
    const { completed } = this.#manifest;
    const checkpoints = listCheckpoints(this.path);
    const point = findResumePoint(this.#logs.positions(), { completed, checkpoints });
    if (point.completed.length < completed.length) this.#writeManifest({ completed: point.completed });
    for (const { folder } of point.dropped) rmSync(folder, { recursive: true, force: true });
    // Dollars are not taken back: what was answered is kept, and is not paid for again.
    if (point.spent !== null)
      this.#spending = this.#countFrom({ ...point.spent, cost: this.#manifest.spent['cost'] ?? 0 });
    this.#logs.truncateTo(point.positions);
  }
}
