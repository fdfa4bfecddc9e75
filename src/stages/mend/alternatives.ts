/** Collects alternative replies for the dialogues of a mend stage, beside those that the start of training samples
 *  itself: replies of a teacher model, answers from a file, and replies retrieved from other dialogues. */
import { childKey, openStream, streamKey } from '../../base/random.js';
import type { Dialogue, Judge, Utterance } from '../../dialogue/types.js';
import { dialogueSeenBy, textSeenBy } from '../../dialogue/views.js';
import { type Candidate, judgeReplies } from '../../mending/candidates.js';
import { type AnsweredTurn, replyOf } from '../../mending/dialogues.js';
import { likeliestReplies, readReplies } from '../../mending/knownReplies.js';
import type { MendSpeaker } from '../../mending/mendSpeaker.js';
import { readWrittenAnswers, type WrittenAnswers } from '../../mending/writtenAnswers.js';
import type { SpeakerOptions } from '../../speakers/options.js';
import { readPromptList } from '../../models/data.js';
import { type MendContext, tell } from './mendContext.js';

/** Returns alternatives for each dialogue, judged as replies to it, with their log-probabilities under `speaker`.
 *  @param dialogues each ends with the turn to be answered
 *  @param ordinary source of retrieved replies where the recipe names no file */
export async function collectAlternatives(
  context: MendContext,
  dialogues: readonly Dialogue[],
  ordinary: readonly AnsweredTurn[],
  { speaker, judge }: { readonly speaker: MendSpeaker; readonly judge: Judge },
): Promise<readonly (readonly Candidate[])[]> {
  const { stage, recipe, unit, around, limits } = context;
  const { writer, answers, borrow } = stage.options.candidates;
  const answerTo: WrittenAnswers = answers == null ? () => null : await readWrittenAnswers(around.locate(answers));
  const retrievable = borrow === null ? [] : await retrievableReplies(context, borrow.data, ordinary);
  if (writer === null && answers == null && retrievable.length === 0) return dialogues.map(() => []);
  const byTeacher = writer === null ? null : await askTeacher(context, writer, dialogues);
  // Drawn anew for each dialogue: from one shared pool the same few replies would be chosen for nearly all dialogues.
  const drawn = (place: number, max: number): readonly Utterance[] =>
    openStream(childKey(streamKey(recipe.seed, `${unit} borrow`), place))
      .shuffle(retrievable)
      .slice(0, max);
  const found: { readonly dialogue: Dialogue; readonly reply: Utterance }[][] = [];
  for (const [done, dialogue] of dialogues.entries()) {
    limits.mayGoOn();
    if (done % 16 === 0) tell(context, 'alternatives', done, dialogues.length);
    const text = textSeenBy('target', dialogue, around.join);
    const placed = (reply: Utterance): Utterance =>
      reply.tokens !== null ? reply : { ...reply, text: speaker.place(dialogue, reply.text) };
    const written = answerTo({ text, lastTurn: dialogue.turns.at(-1)?.text ?? '' });
    const own = [...(byTeacher?.[done] ?? []), ...(written === null ? [] : [replyOf(written)])];
    const replies = [
      ...(await readReplies(dialogue, own.map(placed), speaker)),
      ...(borrow === null
        ? []
        : likeliestReplies(await readReplies(dialogue, drawn(done, borrow.max).map(placed), speaker), borrow.keep)),
    ];
    found.push(replies.map((reply) => ({ dialogue, reply })));
  }
  const judged = await judgeReplies(found.flat(), judge);
  let next = 0;
  return found.map(({ length }) => judged.slice(next, (next += length)));
}

/** Number of dialogues in one call of the teacher model: requests to an endpoint run side by side. */
const askedAtOnce = 32;

async function askTeacher(
  context: MendContext,
  writer: SpeakerOptions,
  dialogues: readonly Dialogue[],
): Promise<readonly (readonly Utterance[])[]> {
  const { pool, recipe, stage, unit, limits } = context;
  const { samples } = stage.options.candidates;
  const opened = await pool.openTeacher(writer);
  const speaker = opened.value;
  try {
    const stream = streamKey(recipe.seed, `${unit} writer`);
    const answered: Utterance[] = [];
    for (let start = 0; start < dialogues.length; start += askedAtOnce) {
      limits.mayGoOn();
      tell(context, 'writer', start, dialogues.length);
      const requests = dialogues.slice(start, start + askedAtOnce).flatMap((dialogue, i) =>
        Array.from({ length: samples }, (_, n) => ({
          dialogue: dialogueSeenBy('target', dialogue),
          stream: childKey(stream, start + i, n),
        })),
      );
      answered.push(...(await speaker.reply(requests)).map(({ reply }) => reply));
    }
    return dialogues.map((_, i) => answered.slice(i * samples, (i + 1) * samples));
  } finally {
    await opened.close();
  }
}

/** Returns the replies to choose from, each text once. */
async function retrievableReplies(
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
