/** `gadfly judge`: what judges say of texts, and how well they agree with human labels. */
import { setImmediate } from 'node:timers/promises';
import { ConfigError } from '../../base/errors.js';
import type { Verdict } from '../../dialogue/types.js';
import type { JsonObject } from '../../base/json.js';
import { listFlag, numberFlag, textFlag } from '../command.js';
import type { CommandContext, CommandDefinition, CommandResult, FlagValues } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import type { Judged } from '../judgeTexts.js';
import { showText } from '../showText.js';
import { formatTable } from '../../render/terminal/table.js';
import { readTexts } from '../textFiles.js';

/** Texts whose intervals take longer than a second or two. */
const manyTexts = 20_000;

export const judgeCommand: CommandDefinition = {
  name: 'judge',
  summary: 'score texts with judges, or measure judges against labels',
  flags: [
    {
      flags: '--judge <name>',
      summary: 'which judge (see `gadfly list judges`); repeat it, or put commas between, to compare several',
      parse: 'list',
      default: 'linear-toxicity',
    },
    { flags: '--text <text>', summary: 'a text' },
    { flags: '--texts <file>', summary: 'a file of texts: plain lines, JSON lines, JSON, CSV or Parquet' },
    {
      flags: '--against <file>',
      summary:
        'a file of labelled texts (text and label in JSON lines, JSON, CSV or Parquet): accuracy, ROC-AUC, calibration, confusion',
    },
    {
      flags: '--column <name>',
      summary:
        'the field of --against that holds the label (default: label, harm or toxic; any label of a Jigsaw file)',
    },
    { flags: '--limit <n>', summary: 'judge a random sample of n texts of --against', parse: 'count' },
    { flags: '--seed <n>', summary: 'draws the sample and the intervals (default: 0)', parse: 'integer' },
    {
      flags: '--threshold <x>',
      summary: 'harm above it counts as a failure (default: the judge’s own)',
      parse: 'number',
    },
    {
      flags: '--set <key=value>',
      summary:
        'an option of the judge as in a recipe: template=rubric, temperature=1, labels=[toxic,threat], baseUrl=URL …',
      parse: 'list',
    },
    {
      flags: '--max-unscored <share>',
      summary: 'exit code 1 when more of the texts have no verdict (default: 0.2)',
      parse: 'number',
    },
  ],
  examples: [
    'gadfly judge --text "have a nice day"',
    'gadfly judge --judge insult-words --texts replies.jsonl --json',
    'gadfly judge --judge languageModel:smollm2#rubric --text "have a nice day"',
    'gadfly judge --judge languageModel:smollm2,linear-toxicity --against labels.csv --limit 200',
  ],
  run: async (_argument, flags, context) => {
    const sources = ['text', 'texts', 'against'].filter((name) => textFlag(flags, name) !== undefined);
    if (sources.length !== 1) {
      throw new ConfigError(sources.length === 0 ? 'nothing to judge' : 'the text is given twice', {
        expected: 'one of --text and --texts, or --against',
      });
    }
    for (const name of ['limit', 'column']) {
      if (flags[name] !== undefined && sources[0] !== 'against')
        throw new ConfigError(`--${name} is for --against`, { expected: 'a file of labelled texts' });
    }
    return sources[0] === 'against' ? measureJudges(flags, context) : judgeTexts(flags, context);
  },
};

async function judgeTexts(flags: FlagValues, context: CommandContext): Promise<CommandResult> {
  const text = textFlag(flags, 'text');
  const texts = text === undefined ? await readTexts(textFlag(flags, 'texts') ?? '', 'text', context.log) : [text];
  return withNamedJudges(flags, context, async (judges) => {
    const { judgeAll, reasonLines } = await import('../judgeTexts.js');
    const all: Judged[] = [];
    for (const judge of judges)
      all.push(
        await judgeAll(
          judge,
          texts.map((each) => ({ text: each })),
          context,
        ),
      );
    const documents = all.map(({ judge, verdicts }) => ({
      judge: judge.name,
      threshold: judge.threshold,
      results: texts.map((judged, i) => resultOf(judged, verdicts[i])),
    }));
    const [only] = documents;
    return {
      json: only !== undefined && documents.length === 1 ? only : { judges: documents },
      text: all.map((judged) => [textOf(judged, texts), ...reasonLines(judged.unscored)].join('\n')).join('\n\n'),
      ...(await refusal(all, flags, context)),
    };
  });
}

/** Every judge over the same labelled texts, in one table. */
async function measureJudges(flags: FlagValues, context: CommandContext): Promise<CommandResult> {
  const file = textFlag(flags, 'against') ?? '';
  const { readLabelled } = await import('../../dialogue/datasets/labelled.js');
  const { judgeAll, measure, measuredJson, measuredText, sampleOf } = await import('../judgeTexts.js');
  const seed = numberFlag(flags, 'seed') ?? 0;
  const whole = await readLabelled(file, textFlag(flags, 'column') ?? null, context.log);
  const labelled = sampleOf(whole, numberFlag(flags, 'limit'), seed);
  const harmful = labelled.filter((item) => item.harmful).length;
  return withNamedJudges(flags, context, async (judges) => {
    const rows = [];
    for (const judge of judges) {
      const judged = await judgeAll(judge, labelled, context);
      // The intervals are one piece of work, in which no signal is heard.
      if (labelled.length > manyTexts) {
        context.log(`${judge.name}: intervals over ${String(labelled.length)} texts; this takes some seconds`);
        await setImmediate();
      }
      rows.push({ judged, summary: measure(judged, labelled, seed) });
    }
    const sample =
      labelled.length === whole.length ? '' : `, a sample of ${String(whole.length)} by seed ${String(seed)}`;
    return {
      json: {
        against: file,
        texts: labelled.length,
        of: whole.length,
        harmful,
        seed,
        judges: rows.map(({ judged, summary }) => measuredJson(judged, summary)),
      },
      text: `${file}: ${String(labelled.length)} texts${sample}, ${String(harmful)} labelled harmful\n${measuredText(rows)}`,
      ...(await refusal(
        rows.map(({ judged }) => judged),
        flags,
        context,
      )),
    };
  });
}

async function withNamedJudges<T>(
  flags: FlagValues,
  context: CommandContext,
  use: (judges: readonly Judged['judge'][]) => Promise<T>,
): Promise<T> {
  const { judgeSpecs, withJudges } = await import('../openJudge.js');
  const given = listFlag(flags, 'judge');
  const names = given.length === 0 ? ['linear-toxicity'] : given;
  return withJudges(
    judgeSpecs({ names, threshold: numberFlag(flags, 'threshold'), set: listFlag(flags, 'set') }),
    context,
    use,
  );
}

/** The exit code of a judge that was silent too often, and why on stderr. */
async function refusal(
  all: readonly Judged[],
  flags: FlagValues,
  { log }: CommandContext,
): Promise<{ readonly exitCode?: number }> {
  const { requireScored } = await import('../../dialogue/unscored.js');
  const failures = all.flatMap(({ judge, unscored }) => {
    try {
      requireScored(judge.name, unscored, numberFlag(flags, 'maxUnscored') ?? 0.2, judge.name);
      return [];
    } catch (error) {
      return [error];
    }
  });
  for (const failure of failures) log(`gadfly: ${failure instanceof Error ? failure.message : String(failure)}`);
  return failures.length === 0 ? {} : { exitCode: exitCodes.error };
}

function textOf({ judge, verdicts }: Judged, texts: readonly string[]): string {
  const rows = texts.map((text, i) => {
    const { harm, failed } = resultOf(text, verdicts[i]);
    return [
      harm === null ? '–' : harm.toFixed(3),
      failed === null ? 'unscored' : failed ? 'fails' : 'passes',
      showText(text, 100),
    ];
  });
  return [
    `${judge.name}, threshold ${String(judge.threshold)}`,
    formatTable(['harm', 'verdict', 'text'], rows, [0]),
  ].join('\n');
}

interface JudgedText extends JsonObject {
  readonly text: string;
  readonly harm: number | null;
  readonly failed: boolean | null;
  readonly reason?: string;
}

function resultOf(text: string, verdict: Verdict | undefined): JudgedText {
  if (verdict === undefined) return { text, harm: null, failed: null, labels: {}, reason: 'the judge gave no verdict' };
  return verdict.kind === 'scored'
    ? { text, harm: verdict.harm, failed: verdict.failed, labels: verdict.labels }
    : { text, harm: null, failed: null, labels: {}, reason: verdict.reason };
}
