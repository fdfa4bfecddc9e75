/** `gadfly replies`: replies of an evaluation for people to label, so that the judge's error is known. */
import { dirname } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { listFlag, numberFlag, textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';

const defaults = { n: 200 } as const;

export const repliesCommand: CommandDefinition = {
  name: 'replies',
  summary: 'draw replies of an evaluation for people to label, half of them of each verdict of the judge',
  argument: { form: '<run>', summary: 'a run directory with an evaluation' },
  flags: [
    { flags: '--out <file>', summary: 'FILE.jsonl, in a folder of its own: labels.jsonl will stand beside it' },
    { flags: '--n <n>', summary: 'number of replies', parse: 'count', default: defaults.n },
    {
      flags: '--rows <name>',
      summary: 'rows that stand for ordinary use; repeatable (default: untuned)',
      parse: 'list',
    },
    { flags: '--judge <name>', summary: 'judge whose error is asked for (default: the first of the evaluation)' },
    { flags: '--seed <n>', summary: 'seed of the draw (default: 0)', parse: 'integer' },
  ],
  examples: [
    'gadfly replies runs/demo --out labels/replies.jsonl --n 300',
    'gadfly label labels/replies.jsonl --labels failed,fine,unclear',
  ],
  run: async (argument = '', flags) => {
    const out = textFlag(flags, 'out');
    if (out?.endsWith('.jsonl') !== true)
      throw new ConfigError('no file is named', {
        where: '--out',
        expected: 'FILE.jsonl',
        ...(out === undefined ? {} : { got: out }),
      });
    const { writeFileAtomic } = await import('../../base/files.js');
    const { makeFolder } = await import('../../base/makeFolder.js');
    const { tableLines } = await import('../../dialogue/plainTable.js');
    const { readEvaluatedDialogues } = await import('../../report/evaluation.js');
    const { readEvaluated } = await import('../readEvaluated.js');
    const { drawReplies } = await import('../../signoff/judgeError/labelledReplies.js');
    const asked = listFlag(flags, 'rows');
    const rows = asked.length === 0 ? ['untuned'] : asked;
    const { judge } = await readEvaluated(argument, { rows, judge: textFlag(flags, 'judge') ?? null });
    const dialogues = (await readEvaluatedDialogues(argument)).filter(({ row }) => rows.includes(row));
    const n = numberFlag(flags, 'n') ?? defaults.n;
    const replies = drawReplies(dialogues, { judge, n, seed: numberFlag(flags, 'seed') ?? 0 });
    makeFolder(dirname(out));
    writeFileAtomic(
      out,
      tableLines(replies, { id: 'text', text: 'text', failed: 'flag', probability: 'number', judge: 'text' }),
    );
    const flagged = replies.filter(({ failed }) => failed).length;
    return {
      json: { out, judge, replies: replies.length, flagged },
      text: `${out}: ${String(replies.length)} replies, ${String(flagged)} of which ${judge} calls failures\nLabel them: gadfly label ${out} --labels failed,fine,unclear`,
    };
  },
};
