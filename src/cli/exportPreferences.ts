/** From a run directory to rows of preference data: its failures beside safe answers, or the pairs that a mend stage
 *  has picked. */
import { parseUnit } from '../runs/units.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { streamKey } from '../base/random.js';
import { ConfigError } from '../base/errors.js';
import type { PreferenceTable, TextPreference } from '../dialogue/preferenceRows.js';
import {
  chatPreference,
  type MendedExchange,
  type RowStyle,
  sampleAlternatives,
  textPreference,
} from '../mending/alternatives.js';
import { type FailedExchange, readFailures } from '../mending/failures.js';
import { readWrittenAnswers } from '../mending/writtenAnswers.js';
import { readManifest } from '../runs/manifest.js';
import { recipeOfRun } from '../recipe/readRecipe.js';
import { speakerKind } from '../speakers/options.js';
import { readRecords } from '../runs/recordLog.js';
import { logPath } from '../runs/runLogs.js';
import { readPairs } from '../stages/pairRecords.js';
import { watchUnscored } from '../dialogue/unscored.js';
import { speakerFormat, speakerJoin } from '../speakers/speakerOptions.js';
import type { CommandContext } from './command.js';
import { openPool } from './poolSettings.js';

/** The source of safe answers. */
export type AlternativeSource =
  | { readonly kind: 'sample' }
  | { readonly kind: 'model'; readonly model: string }
  | { readonly kind: 'file'; readonly path: string };

export interface ExportOptions {
  readonly folder: string;
  readonly alternatives: AlternativeSource;
  readonly samples: number;
  /** null: as the target reads its dialogues. */
  readonly form: 'text' | 'chat' | null;
  readonly minHarm?: number;
  /** Names in rollouts.jsonl, 'exploit:ipo'; none: those of all attacks, or, in a run without an attack, of everything.
   */
  readonly stages: readonly string[];
  /** Changes of the recipe for who answers: target.temperature=1.2 … */
  readonly set: readonly string[];
  readonly seed: number | null;
  readonly limit: number;
}

export interface Exported {
  readonly rows: PreferenceTable;
  readonly form: 'text' | 'chat';
  /** Failing exchanges found; of pairs, all pairs. */
  readonly found: number;
  readonly leftOut: Readonly<Record<string, number>>;
}

export async function exportFailures(options: ExportOptions, context: CommandContext): Promise<Exported> {
  const { folder, stages, minHarm, limit } = options;
  const { recipe } = recipeOfRun(readManifest(folder), join(folder, 'manifest.json'));
  const leftOut = new Map<string, number>();
  const leaveOut = (reason: string): void => void leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  const path = logPath(folder, 'rollouts');
  const wanted = stages.length > 0 ? new Set(stages) : await attackStages(path);
  const found = await readFailures(path, {
    judge: recipe.judge.model,
    ...(wanted === null ? {} : { stages: (stage) => wanted.has(stage) }),
    ...(minHarm === undefined ? {} : { minHarm }),
    onLeftOut: (reason) => {
      if (reason !== 'harmless') leaveOut(reason === 'repeated' ? 'repeated failures' : `${reason} replies`);
    },
  });
  const failures = found.slice(0, limit);
  if (failures.length < found.length) leftOut.set('over --limit', found.length - failures.length);
  const format = speakerFormat(recipe.target);
  const { system } = recipe.target;
  const style: RowStyle = { format, join: speakerJoin(recipe.target), ...(system === undefined ? {} : { system }) };
  const mended = failures.length === 0 ? [] : await answer(failures, style, options, context, leaveOut);
  const form = options.form ?? (format === 'chat' ? 'chat' : 'text');
  const rows =
    form === 'chat'
      ? mended.map((each) => chatPreference(each, style))
      : mended.map((each) => textPreference(each, style));
  return { rows, form, found: found.length, leftOut: Object.fromEntries(leftOut) };
}

/** Returns null when the run has no attack. */
async function attackStages(path: string): Promise<ReadonlySet<string> | null> {
  const names = new Set<string>();
  for await (const {
    record: { stage },
  } of readRecords(path))
    if (typeof stage === 'string' && parseUnit(stage)?.kind === 'exploit') names.add(stage);
  return names.size === 0 ? null : names;
}

async function answer(
  failures: readonly FailedExchange[],
  style: RowStyle,
  options: ExportOptions,
  context: CommandContext,
  leaveOut: (reason: string) => void,
): Promise<readonly MendedExchange[]> {
  const { alternatives, folder, samples, seed } = options;
  if (alternatives.kind === 'file') return answersOfFile(failures, style, alternatives.path, leaveOut);
  // Another model on this machine reads the dialogues as the target does; --set can say otherwise.
  const isLocal = alternatives.kind === 'model' && speakerKind(alternatives.model) === 'local';
  const model =
    alternatives.kind === 'model'
      ? [`target.model=${alternatives.model}`, ...(isLocal ? [`target.format=${style.format}`] : [])]
      : [];
  const loaded = recipeOfRun(readManifest(folder), join(folder, 'manifest.json'), {
    without: alternatives.kind === 'model' ? foreignKeys(speakerKind(alternatives.model)) : [],
    set: [...model, ...options.set],
  });
  const pool = openPool(loaded, context);
  try {
    const judge = watchUnscored(await pool.judge(loaded.recipe.judge), loaded.recipe.judge.maxUnscored, 'preferences');
    const mended = await sampleAlternatives(failures, {
      judge,
      samples,
      speaker: await pool.target(),
      stream: streamKey(seed ?? loaded.recipe.seed, 'preferences'),
      onLeftOut: leaveOut,
      onProgress: (done) => {
        context.progress.update({ task: 'preferences', done, total: failures.length, unit: 'dialogues', note: '' });
      },
    });
    judge.check();
    return mended;
  } finally {
    context.progress.stop();
    await pool.close();
  }
}

/** Lists keys of a run's target that a model of this kind does not have: another model takes its part, and knows nothing
 *  of the server that the run asked. */
function foreignKeys(kind: ReturnType<typeof speakerKind>): readonly string[] {
  const keys =
    kind === 'local'
      ? ['baseUrl', 'apiKeyEnv', 'remote', 'http']
      : [...(kind === 'openai' ? ['http'] : []), 'topK', 'minP', 'repetitionPenalty', 'minNewTokens'];
  return keys.map((key) => `target.${key}`);
}

async function answersOfFile(
  failures: readonly FailedExchange[],
  style: RowStyle,
  path: string,
  leaveOut: (reason: string) => void,
): Promise<readonly MendedExchange[]> {
  if (!existsSync(path)) throw new ConfigError('no such file', { where: path });
  const answerTo = await readWrittenAnswers(path);
  return failures.flatMap((failure): readonly MendedExchange[] => {
    const { prompt } = textPreference({ failure, safe: failure.reply }, style);
    const text = answerTo({ text: prompt, lastTurn: failure.dialogue.turns.at(-1)?.text ?? '' });
    if (text !== null) return [{ failure, safe: { text, tokens: null } }];
    leaveOut('without an answer in the file');
    return [];
  });
}

/** The pairs on which mend stages trained; those held out for the measures stay here. */
export async function exportPairs(folder: string, limit: number): Promise<Exported> {
  readManifest(folder);
  const rows: TextPreference[] = [];
  let [found, heldOut, over] = [0, 0, 0];
  for await (const { prompt, chosen, rejected, toxic, heldOut: isHeldOut } of readPairs(
    logPath(folder, 'pairs'),
    'mendPairs',
  )) {
    found++;
    if (isHeldOut) heldOut++;
    else if (rows.length >= limit) over++;
    else rows.push({ prompt, chosen, rejected, ...(toxic === undefined ? {} : { toxic }) });
  }
  if (found === 0)
    throw new ConfigError('this run has no pairs of a mend stage', {
      where: folder,
      remedy: 'Leave --from pairs away: the failures of the attacks are exported then.',
    });
  return {
    rows,
    form: 'text',
    found,
    leftOut: {
      ...(heldOut === 0 ? {} : { 'held out for the measures': heldOut }),
      ...(over === 0 ? {} : { 'over --limit': over }),
    },
  };
}
