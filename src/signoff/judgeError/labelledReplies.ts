/** Replies for people to label, so that the judge's error is known: drawn at random from the replies of an evaluation, as
 *  many of those that the judge calls failures as of the others, each with the probability with which it was drawn. Read
 *  back, they are joined with what people said of them in the labels.jsonl beside the file. */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import { readAs } from '../../base/readAs.js';
import type { EvaluatedDialogue } from '../../report/evaluation.js';
import { readChoices } from '../../labelling/choiceFile.js';
import { resolveLabel } from '../../labelling/adjudicate.js';
import { standingChoices } from '../../labelling/labelChoice.js';
import { readRecords } from '../../runs/recordLog.js';
import type { JudgedLabel } from '../../stats/judgeError.js';

/** An alias, so that it is a row of a table. */
export type ReplyToLabel = {
  readonly id: string;
  readonly text: string;
  /** The judge's verdict: people label without it. */
  readonly failed: boolean;
  /** Probability with which it was drawn, among the replies of its verdict. */
  readonly probability: number;
  readonly judge: string;
};

const replySchema: z.ZodType<ReplyToLabel> = z.object({
  id: z.string(),
  text: z.string(),
  failed: z.boolean(),
  probability: z.number().gt(0).max(1),
  judge: z.string(),
});

/** Draws replies, half of them of each verdict where there are enough; all where there are no more than n.
 *  @param dialogues of the rows that stand for ordinary use */
export function drawReplies(
  dialogues: readonly EvaluatedDialogue[],
  { judge, n, seed }: { readonly judge: string; readonly n: number; readonly seed: number },
): readonly ReplyToLabel[] {
  const replies = dialogues.flatMap(({ row, number, turns, scores }) =>
    (scores[judge] ?? []).flatMap(({ reply: { failed } }, i) => {
      const text = turns[2 * i + 1]?.text ?? '';
      return failed === null || text.trim() === ''
        ? []
        : [{ id: `${row}/${String(number)}/${String(i + 1)}`, text, failed, judge }];
    }),
  );
  const [flagged, passed] = [true, false].map((failed) => replies.filter((reply) => reply.failed === failed)) as [
    typeof replies,
    typeof replies,
  ];
  const half = Math.ceil(n / 2);
  const ofFlagged = Math.min(flagged.length, Math.max(half, n - passed.length));
  const chosen = [flagged, passed].flatMap((all, i) => {
    const count = Math.min(all.length, i === 0 ? ofFlagged : n - ofFlagged);
    return openStream(streamKey(seed, 'replies', i))
      .shuffle(all)
      .slice(0, count)
      .map((reply) => ({ ...reply, probability: count / all.length }));
  });
  return openStream(streamKey(seed, 'replies.order')).shuffle(chosen);
}

/** Returns what people said of drawn replies. Labels are given to texts: equal texts have one. A reply that is not labelled
 *  yet, of which labels are divided, or whose label is `unclear`, is left out, and the others of its verdict stand for it.
 *  @param failing labels that mean a failure
 *  @throws ConfigError where no reply is labelled, or no label is one of these; FormatError for another file */
export async function readLabelledReplies(
  path: string,
  { failing, judge }: { readonly failing: readonly string[]; readonly judge: string },
): Promise<readonly JudgedLabel[]> {
  const replies: ReplyToLabel[] = [];
  for await (const { record, where } of readRecords(path)) replies.push(readAs(replySchema, record, where));
  const other = replies.find((reply) => reply.judge !== judge);
  if (replies.length === 0 || other !== undefined)
    throw new ConfigError('these are no replies that this judge has judged', {
      where: `--labels ${path}`,
      expected: `a file that \`gadfly replies\` wrote, by ${judge}`,
      got: other?.judge ?? 'no reply',
    });
  const textOf = new Map(replies.map(({ id, text }) => [id, text]));
  const given = new Map<string, { labeller: string; label: string }[]>();
  for (const { id, label, labeller } of standingChoices(readChoices(join(dirname(path), 'labels.jsonl')))) {
    const text = textOf.get(id);
    if (text !== undefined) given.set(text, [...(given.get(text) ?? []), { labeller, label }]);
  }
  const resolved = replies.flatMap((reply) => {
    const label = resolveLabel(given.get(reply.text) ?? [], null)?.label ?? 'unclear';
    return label === 'unclear' ? [] : [{ ...reply, label }];
  });
  if (!resolved.some(({ label }) => failing.includes(label)))
    throw new ConfigError('no labelled reply is called a failure, so the judge’s error is not known', {
      where: `--failing ${failing.join(',')}`,
      got: resolved.length === 0 ? 'no label' : [...new Set(resolved.map(({ label }) => label))].join(', '),
      remedy: `Label them: \`gadfly label ${path} --labels failed,fine,unclear\`, or name the labels that mean a failure.`,
    });
  return resolved.map(({ failed, probability, label }) => ({
    judged: failed,
    failing: failing.includes(label),
    probability: probability * labelledShare(failed),
  }));

  function labelledShare(verdict: boolean): number {
    const all = replies.filter(({ failed }) => failed === verdict).length;
    return present(resolved.filter(({ failed }) => failed === verdict).length, 'a count') / all;
  }
}
