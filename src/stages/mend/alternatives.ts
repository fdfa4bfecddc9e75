/** What the dialogues of a mend stage could have been answered instead, beside what the start of training says itself:
 *  by another model, by whoever wrote a file of answers, or as other dialogues were. */
import { childKey, openStream, streamKey } from '../../base/random.js';
import { goingOn } from '../../dialogue/join.js';
import type { Dialogue, Judge, Utterance } from '../../dialogue/types.js';
import { type Candidate, judgeReplies } from '../../mending/candidates.js';
import { type AnsweredTurn, replyOf, runningText } from '../../mending/dialogues.js';
import { likeliest, readReplies } from '../../mending/knownReplies.js';
import type { MendSpeaker } from '../../mending/mendSpeaker.js';
import { readWrittenAnswers, type WrittenAnswers } from '../../mending/writtenAnswers.js';
import type { SpeakerOptions } from '../../speakers/options.js';
import { readPromptList } from '../../models/data.js';
import { type MendContext, tell } from './mendContext.js';

/** Some for each dialogue, judged as replies to it, with how likely `speaker` finds them.
 *  @param dialogues each ends with the turn to be answered
 *  @param ordinary where replies are borrowed from, if from nowhere else */
export async function collectAlternatives(
  context: MendContext,
  dialogues: readonly Dialogue[],
  ordinary: readonly AnsweredTurn[],
  { speaker, judge }: { readonly speaker: MendSpeaker; readonly judge: Judge },
): Promise<readonly (readonly Candidate[])[]> {
  const { stage, recipe, unit, around, limits, speaking } = context;
  const { writer, answers, borrow } = stage.options.candidates;
  const answerTo: WrittenAnswers = answers == null ? () => null : await readWrittenAnswers(around.locate(answers));
  const borrowable = borrow === null ? [] : await borrowedReplies(context, borrow.data, ordinary);
  if (writer === null && answers == null && borrowable.length === 0) return dialogues.map(() => []);
  const byWriter = writer === null ? null : await askWriter(context, writer, dialogues);
  // Drawn anew for each dialogue: the likeliest few of one pool would be everybody's answer.
  const drawn = (place: number, max: number): readonly Utterance[] =>
    openStream(childKey(streamKey(recipe.seed, `${unit} borrow`), place))
      .shuffle(borrowable)
      .slice(0, max);
  const found: { readonly dialogue: Dialogue; readonly reply: Utterance }[][] = [];
  for (const [done, dialogue] of dialogues.entries()) {
    limits.mayGoOn();
    if (done % 16 === 0) tell(context, 'alternatives', done, dialogues.length);
    const text = runningText(dialogue, around.join);
    // In a chat an answer is a message of its own.
    const placed = (reply: Utterance): Utterance =>
      reply.tokens !== null
        ? reply
        : { ...reply, text: speaking.format === 'chat' ? reply.text.trim() : goingOn(text, reply.text, around.join) };
    const written = answerTo({ text, lastTurn: dialogue.turns.at(-1)?.text ?? '' });
    const own = [...(byWriter?.[done] ?? []), ...(written === null ? [] : [replyOf(written)])];
    const replies = [
      ...(await readReplies(dialogue, own.map(placed), speaker)),
      ...(borrow === null
        ? []
        : likeliest(await readReplies(dialogue, drawn(done, borrow.max).map(placed), speaker), borrow.keep)),
    ];
    found.push(replies.map((reply) => ({ dialogue, reply })));
  }
  const judged = await judgeReplies(found.flat(), judge);
  let next = 0;
  return found.map(({ length }) => judged.slice(next, (next += length)));
}

/** Dialogues that the writer is asked about at once: requests to an endpoint run side by side. */
const askedAtOnce = 32;

async function askWriter(
  context: MendContext,
  writer: SpeakerOptions,
  dialogues: readonly Dialogue[],
): Promise<readonly (readonly Utterance[])[]> {
  const { pool, recipe, stage, unit, limits } = context;
  const { samples } = stage.options.candidates;
  const opened = await pool.openWriter(writer);
  const speaker = opened.value;
  try {
    const stream = streamKey(recipe.seed, `${unit} writer`);
    const answered: Utterance[] = [];
    for (let start = 0; start < dialogues.length; start += askedAtOnce) {
      limits.mayGoOn();
      tell(context, 'writer', start, dialogues.length);
      const requests = dialogues
        .slice(start, start + askedAtOnce)
        .flatMap((dialogue, i) =>
          Array.from({ length: samples }, (_, n) => ({ dialogue, stream: childKey(stream, start + i, n) })),
        );
      answered.push(...(await speaker.reply(requests)).map(({ reply }) => reply));
    }
    return dialogues.map((_, i) => answered.slice(i * samples, (i + 1) * samples));
  } finally {
    await opened.close();
  }
}

/** All different ones. */
async function borrowedReplies(
  { around }: MendContext,
  data: string | null | undefined,
  ordinary: readonly AnsweredTurn[],
): Promise<readonly Utterance[]> {
  const replies =
    data == null
      ? ordinary.flatMap(({ safe }) => safe ?? [])
      : (await readPromptList(around.locate(data))).map(replyOf);
  return [...new Map(replies.map((reply) => [reply.text.trim(), reply])).values()];
}
