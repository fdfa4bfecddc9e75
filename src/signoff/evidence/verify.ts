/** Verifies evidence: a bundle, or a run directory. Everything that a report says must follow from the records, and every
 *  byte of a bundle from its index. That alone shows that the evidence agrees with itself; who made it is known by a key
 *  or by the digest of the index. */
import type { KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, GadflyError } from '../../base/errors.js';
import type { LoadedRecipe } from '../../recipe/readRecipe.js';
import { recipeOfRun } from '../../recipe/readRecipe.js';
import { stagesOfKind } from '../../recipe/recipe.js';
import { parseReport, type Report } from '../../report/report.js';
import { openRun } from '../../runs/openRun.js';
import { readManifest } from '../../runs/manifest.js';
import { readRunRecords, type RunRecords } from '../../runs/runRecords.js';
import { rewardOfEvaluation } from '../../stages/evaluate/recomputeReport.js';
import { unpackBundle } from './bundleArchive.js';
import { digestOf, indexBytes, indexName, indexRun, parseIndex, signatureName } from './bundleIndex.js';
import { checkFiles, checkIndexed } from './checkFiles.js';
import { checkEvaluation, checkLines, checkManifest, checkPositions } from './checkRecords.js';
import { checkPage, checkReport } from './checkReport.js';
import { type Findings, openFindings, type Problem, shown, type Unchecked } from './problem.js';
import { isSignedBy, keyOf, parseSignature } from './signature.js';

export interface VerifyOptions {
  /** Public key that the bundle must be signed by; null asks for none. */
  readonly key: KeyObject | null;
  /** SHA-256 that the index must have; null asks for none. */
  readonly digest: string | null;
  /** Plays dialogues again; null for none. Called when all else was checked. */
  readonly replay: ((evidence: OpenEvidence, findings: Findings) => Promise<Replayed>) | null;
}

/** A run as its evidence shows it. */
export interface OpenEvidence {
  readonly run: RunRecords;
  readonly loaded: LoadedRecipe;
  readonly report: Report;
}

/** The result of playing dialogues again. */
export interface Replayed {
  readonly dialogues: number;
  /** Dialogues in which every token is as recorded. */
  readonly equal: number;
  /** By row, of those that differ: share of replies that failed. */
  readonly others: readonly {
    readonly row: string;
    readonly dialogues: number;
    readonly recordedRate: number | null;
    readonly replayedRate: number | null;
    /** The p-value of a paired permutation test; null where no verdict is on both sides. */
    readonly p: number | null;
  }[];
}

export interface Verification {
  readonly ok: boolean;
  /** 'authentic' where a key or a digest vouches for it. */
  readonly verdict: 'authentic' | 'consistent, not authentic' | 'not consistent';
  /** SHA-256 of the index; null for a run directory of which no digest was asked. */
  readonly digest: string | null;
  /** Number of checks. */
  readonly checked: number;
  readonly problems: readonly Problem[];
  readonly unchecked: readonly Unchecked[];
  readonly replay: Replayed | null;
}

/** @throws ConfigError where nothing is there, or the run is not finished; FormatError for what is no bundle */
export async function verifyEvidence(path: string, options: VerifyOptions): Promise<Verification> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new ConfigError('no such file or folder', {
      where: path,
      expected: 'a bundle that `gadfly bundle` wrote, or a run directory',
    });
  return stat.isDirectory() ? verifyRun(path, options) : verifyBundle(path, options);
}

async function verifyRun(path: string, options: VerifyOptions): Promise<Verification> {
  if (options.key !== null)
    throw new ConfigError('a run directory has no signature', {
      where: '--key',
      remedy: 'Verify a bundle (`gadfly bundle RUN --out FILE --sign KEY.pem`), or give --digest.',
    });
  const findings = openFindings();
  const digest = options.digest === null ? null : digestOf(indexBytes(indexRun(path, readManifest(path), false)));
  checkDigest(digest, options, findings);
  const replay = await checkRun(path, options, findings);
  return outcome(findings, digest, options, replay);
}

async function verifyBundle(path: string, options: VerifyOptions): Promise<Verification> {
  const { folder, names, remove } = unpackBundle(path);
  const findings = openFindings();
  try {
    if (!names.includes(indexName)) {
      findings.check(false, () => ({ place: indexName, expected: 'the index of the bundle', got: 'nothing' }));
      return outcome(findings, null, options, null);
    }
    const bytes = readFileSync(join(folder, indexName));
    const digest = digestOf(bytes);
    checkDigest(digest, options, findings);
    await part(findings, signatureName, () => {
      checkSignature(folder, names, bytes, options, findings);
    });
    const replay = await part(findings, indexName, async () => {
      const index = parseIndex(bytes, indexName);
      checkFiles(folder, names, index, findings);
      checkIndexed(folder, index, readManifest(folder), findings);
      return checkRun(folder, options, findings);
    });
    return outcome(findings, digest, options, replay);
  } finally {
    remove();
  }
}

function checkDigest(digest: string | null, { digest: wanted }: VerifyOptions, findings: Findings): void {
  if (wanted !== null)
    findings.check(digest === wanted, () => ({ place: `${indexName}: digest`, expected: wanted, got: digest }));
}

/** A signature must be one of this index, by the key that is asked for, or else by the key that it names. */
function checkSignature(
  folder: string,
  names: readonly string[],
  bytes: Uint8Array,
  { key }: VerifyOptions,
  findings: Findings,
): void {
  if (!names.includes(signatureName)) {
    if (key !== null)
      findings.check(false, () => ({ place: signatureName, expected: 'a signature by the key', got: 'nothing' }));
    return;
  }
  const signature = parseSignature(readFileSync(join(folder, signatureName)), signatureName);
  const by = key ?? keyOf(signature);
  findings.check(by !== null && isSignedBy(by, bytes, signature), () => ({
    place: signatureName,
    expected: key === null ? 'a signature by the key that it names' : 'a signature by the key of --key',
    got: 'another signature',
  }));
}

/** Checks what a run says of itself, one part after the other: a part that cannot be read is a problem, and the others go
 *  on. */
async function checkRun(folder: string, { replay }: VerifyOptions, findings: Findings): Promise<Replayed | null> {
  const run = readRunRecords(folder);
  checkManifest(run, findings);
  const { report: value } = openRun(folder);
  if (value === null) {
    findings.check(false, () => ({ place: 'report.json', expected: 'the report of the run', got: 'nothing' }));
    return null;
  }
  await part(findings, 'logs', () => {
    checkPositions(run, findings);
  });
  await part(findings, 'rollouts.jsonl', () => checkLines(run, findings));
  const evidence = await part(findings, 'report.json', () => {
    const report = parseReport(value, 'report.json');
    return { run, report, loaded: recipeOfRun(run.manifest, 'manifest.json') };
  });
  if (evidence === null) return null;
  const { report, loaded } = evidence;
  const [evaluation] = stagesOfKind(loaded.recipe, 'evaluate');
  if (evaluation !== undefined)
    await part(findings, 'rollouts.jsonl', () => {
      const { turns, stopWhen } = evaluation.options;
      const mayStop = stopWhen.length > 0;
      const { reward } = rewardOfEvaluation(loaded.recipe, evaluation.options, report);
      return checkEvaluation(run, { reward, turns, mayStop }, findings);
    });
  await part(findings, 'report.json', () => checkReport(run, loaded.recipe, report, findings));
  await part(findings, 'report.html', () => checkPage(run, findings));
  return replay === null ? null : replay(evidence, findings);
}

/** Runs a part of the checks; what cannot be read is a problem of the place that its error names. */
async function part<T>(findings: Findings, place: string, action: () => T | Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    // What a stranger has changed may break a rule anywhere in the code that reads it.
    const details = error instanceof GadflyError ? error.details : {};
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    findings.check(false, () => ({
      place: /[^/\\]*$/u.exec(details.where ?? place)?.[0] ?? place,
      expected: details.expected ?? 'what gadfly writes',
      got: details.got === undefined ? shown(message) : shown(`${message} (${details.got})`),
    }));
    return null;
  }
}

function outcome(
  { problems, checked, unchecked }: Findings,
  digest: string | null,
  { key, digest: wanted }: VerifyOptions,
  replay: Replayed | null,
): Verification {
  const ok = problems.length === 0;
  const vouched = key !== null || wanted !== null;
  return {
    ok,
    verdict: !ok ? 'not consistent' : vouched ? 'authentic' : 'consistent, not authentic',
    digest,
    checked: checked(),
    problems,
    unchecked,
    replay,
  };
}
