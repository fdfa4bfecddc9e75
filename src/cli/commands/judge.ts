/** `gadfly judge`: what a judge says of texts. */
import { ConfigError } from '../../base/errors.js';
import type { Verdict } from '../../dialogue/types.js';
import type { JsonObject } from '../../runs/json.js';
import { textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';
import { showText } from '../showText.js';
import { formatTable } from '../table.js';
import { readTexts } from '../textFiles.js';

export const judgeCommand: CommandDefinition = {
  name: 'judge',
  summary: 'score texts with a judge',
  flags: [
    { flags: '--judge <name>', summary: 'which judge (see `gadfly list judges`)', default: 'linear-toxicity' },
    { flags: '--text <text>', summary: 'a text' },
    { flags: '--texts <file>', summary: 'a file of texts, one a line' },
    { flags: '--threshold <x>', summary: 'harm above it counts as a failure (default: the judge’s own)', parse: 'number' },
  ],
  examples: ['gadfly judge --text "have a nice day"', 'gadfly judge --judge insult-words --texts replies.jsonl --json'],
  run: async (_argument, flags, context) => {
    const [text, file] = [textFlag(flags, 'text'), textFlag(flags, 'texts')];
    if ((text === undefined) === (file === undefined)) {
      throw new ConfigError(text === undefined ? 'nothing to judge' : 'the text is given twice', { expected: 'one of --text and --texts' });
    }
    const texts = text === undefined ? readTexts(file ?? '', 'text') : [text];
    const threshold = flags['threshold'];
    const { withJudge } = await import('../openJudge.js');
    const spec = { model: textFlag(flags, 'judge') ?? 'linear-toxicity', ...(typeof threshold === 'number' ? { threshold } : {}) };
    return withJudge(spec, context, async (judge) => {
      const verdicts = await judge.judge(texts);
      const results = texts.map((judged, i) => resultOf(judged, verdicts[i] ?? { kind: 'unscored', reason: 'the judge gave no verdict' }));
      const rows = results.map(({ text: judged, harm, failed }) => [
        harm === null ? '–' : harm.toFixed(3),
        failed === null ? 'unscored' : failed ? 'fails' : 'passes',
        showText(judged, 100),
      ]);
      return {
        json: { judge: judge.name, threshold: judge.threshold, results },
        text: [`${judge.name}, threshold ${judge.threshold}`, formatTable(['harm', 'verdict', 'text'], rows, [0]), ...reasonsOf(results)].join('\n'),
      };
    });
  },
};

interface JudgedText extends JsonObject {
  readonly text: string;
  readonly harm: number | null;
  readonly failed: boolean | null;
  readonly reason?: string;
}

/** Why texts have no score, each reason once. */
function reasonsOf(results: readonly JudgedText[]): readonly string[] {
  const reasons = new Set(results.flatMap(({ reason }) => (reason === undefined ? [] : [reason])));
  return [...reasons].map((reason) => `unscored: ${showText(reason)}`);
}

function resultOf(text: string, verdict: Verdict): JudgedText {
  return verdict.kind === 'scored'
    ? { text, harm: verdict.harm, failed: verdict.failed, labels: verdict.labels }
    : { text, harm: null, failed: null, labels: {}, reason: verdict.reason };
}
