/** `gadfly preferences`: what a run found, as preference data for any trainer. */
import { existsSync } from 'node:fs';
import type { TrainerName } from '../../dialogue/preferenceRows.js';
import { ConfigError } from '../../base/errors.js';
import { exitCodes } from '../exitCodes.js';
import { listFlag, numberFlag, textFlag } from '../command.js';
import type { CommandDefinition, FlagValues } from '../command.js';
import type { AlternativeSource } from '../exportPreferences.js';

export const preferencesCommand: CommandDefinition = {
  name: 'preferences',
  summary: 'failures of a run beside safe answers, as preference data that TRL reads',
  argument: { form: '<dir>', summary: 'a run directory' },
  flags: [
    { flags: '--out <file>', summary: 'FILE.jsonl or FILE.parquet; replaced when it exists' },
    {
      flags: '--from <source>',
      summary: 'failures: of the recorded dialogues; pairs: those that a mend stage has picked (default: failures)',
      choices: ['failures', 'pairs'],
    },
    {
      flags: '--alternatives <source>',
      summary:
        'sample: the run’s target answers again; a model (smollm2, ./dir, openai:NAME …) answers; or a file of {"prompt","chosen"} rows (JSON lines, JSON, CSV, Parquet)',
      default: 'sample',
    },
    {
      flags: '--samples <n>',
      summary: 'answers to each dialogue, of which the judge’s least harmful is chosen',
      parse: 'count',
      default: 4,
    },
    {
      flags: '--form <form>',
      summary: 'columns of text or of messages (default: chat for a target with a chat format)',
      choices: ['text', 'chat'],
    },
    {
      flags: '--trainer <name>',
      summary:
        'the trainer of TRL whose columns are written: dpo (prompt, chosen, rejected), sft (prompt, completion: the safe answer) or kto (prompt, completion, label: both answers, a row each)',
      choices: ['dpo', 'sft', 'kto'] satisfies readonly TrainerName[],
      default: 'dpo',
    },
    {
      flags: '--min-harm <x>',
      summary: 'a reply above it is a failure (default: above the judge’s threshold)',
      parse: 'number',
    },
    {
      flags: '--stages <name>',
      summary:
        'search these records only, such as exploit:ipo; repeatable (default: all attacks; all records of a run without one)',
      parse: 'list',
    },
    { flags: '--limit <n>', summary: 'maximum number of failures, the first ones', parse: 'count' },
    {
      flags: '--set <path=value>',
      summary: 'change the recipe for who answers: target.temperature=1.2, target.baseUrl=URL …',
      parse: 'list',
    },
    { flags: '--seed <n>', summary: 'draws the answers (default: the run’s)', parse: 'integer' },
  ],
  examples: [
    'gadfly preferences runs/demo --out preferences.jsonl',
    'gadfly preferences runs/demo --out preferences.parquet --alternatives smollm2 --form chat',
    'gadfly preferences runs/mend-organism --from pairs --out pairs.parquet',
    'gadfly preferences runs/demo --out kto.jsonl --trainer kto',
  ],
  run: async (argument = '', flags, context) => {
    const out = outFlag(flags);
    const { exportFailures, exportPairs } = await import('../exportPreferences.js');
    const { preferenceLines, preferenceParquet } = await import('../../dialogue/preferenceRows.js');
    const { writeFileAtomic } = await import('../../base/files.js');
    const fromPairs = textFlag(flags, 'from') === 'pairs';
    const trainer = (textFlag(flags, 'trainer') ?? 'dpo') as TrainerName; // One of the choices.
    const limit = numberFlag(flags, 'limit') ?? Infinity;
    const alternatives = alternativesOf(textFlag(flags, 'alternatives') ?? 'sample');
    if (fromPairs) refuseBeside(flags);
    const minHarm = numberFlag(flags, 'minHarm');
    const exported = fromPairs
      ? await exportPairs(argument, limit)
      : await exportFailures(
          {
            folder: argument,
            alternatives,
            limit,
            samples: numberFlag(flags, 'samples') ?? 4,
            form: formFlag(flags),
            stages: listFlag(flags, 'stages'),
            set: listFlag(flags, 'set'),
            seed: numberFlag(flags, 'seed') ?? null,
            ...(minHarm === undefined ? {} : { minHarm }),
          },
          context,
        );
    const { rows, form, found, leftOut } = exported;
    const reasons = Object.entries(leftOut).map(([reason, count]) => `${String(count)} ${reason}`);
    if (reasons.length > 0) context.log(`left out: ${reasons.join(', ')}`);
    const document = {
      run: argument,
      from: fromPairs ? 'pairs' : 'failures',
      found,
      rows: rows.length,
      leftOut,
      form,
      trainer,
    };
    if (rows.length === 0) {
      context.log('gadfly: there is no row to write');
      return { json: { ...document, out: null }, text: `0 rows of ${String(found)}`, exitCode: exitCodes.error };
    }
    writeFileAtomic(out, out.endsWith('.parquet') ? preferenceParquet(rows, trainer) : preferenceLines(rows, trainer));
    return {
      json: { ...document, out },
      text: `${out}: ${String(rows.length)} rows (${form}) of ${String(found)} ${fromPairs ? 'pairs' : 'failures'}`,
    };
  },
};

function outFlag(flags: FlagValues): string {
  const out = textFlag(flags, 'out');
  if (out !== undefined && /\.(jsonl|parquet)$/.test(out)) return out;
  throw new ConfigError(out === undefined ? 'no file is named' : 'this ending is not known', {
    where: '--out',
    expected: 'FILE.jsonl or FILE.parquet',
    ...(out === undefined ? {} : { got: out }),
  });
}

function formFlag(flags: FlagValues): 'text' | 'chat' | null {
  const form = textFlag(flags, 'form');
  return form === 'text' || form === 'chat' ? form : null;
}

/** A name that ends as a file of rows does is a file. */
function alternativesOf(source: string): AlternativeSource {
  if (source === 'sample') return { kind: 'sample' };
  if (!/\.(?:jsonl|ndjson|json|csv|tsv|tab|parquet)(?:\.gz)?$/i.test(source)) return { kind: 'model', model: source };
  if (!existsSync(source)) throw new ConfigError('no such file', { where: '--alternatives', got: source });
  return { kind: 'file', path: source };
}

function refuseBeside(flags: FlagValues): void {
  for (const name of ['alternatives', 'samples', 'form', 'minHarm', 'stages', 'set', 'seed']) {
    const value = flags[name];
    if (value === undefined || (name === 'form' && value === 'text')) continue;
    throw new ConfigError('pairs are exported as a mend stage has picked them, as text', {
      where: `--${name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`,
      remedy: 'Leave it away, or leave --from pairs away.',
    });
  }
}
