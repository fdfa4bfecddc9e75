/** Replies to known dialogues, several each, with a judge's word on every one; and which of them make a training
 *  example: the safest that does not fail is chosen, the most harmful is rejected, the most harmful of those drawn with
 *  the control token is toxic (arXiv 2405.12900, section on data). */
import { present } from '../base/invariant.js';
import { childKey, type StreamKey } from '../base/random.js';
import { judgeItems, replyItem } from '../dialogue/score.js';
import type { Dialogue, Judge, Target, Utterance, Verdict } from '../dialogue/types.js';
import { dialogueSeenBy } from '../dialogue/views.js';

/** A reply that may become a side of a pair. */
export interface Candidate {
  readonly reply: Utterance;
  readonly verdict: Verdict;
}

export interface SampleOptions {
  /** The speakers that reply, in turn: one model at several temperatures, say. */
  readonly speakers: readonly Pick<Target, 'reply'>[];
  readonly judge: Judge;
  /** Replies of each speaker to each dialogue. */
  readonly samples: number;
  readonly stream: StreamKey;
}

/** All replies of all speakers to each dialogue, in the order of the dialogues, then speakers, then samples. The draws
 *  of a dialogue depend on its place alone. @param dialogues each ends with the adversary's turn */
export async function sampleReplies(
  dialogues: readonly Dialogue[],
  options: SampleOptions,
): Promise<readonly (readonly Candidate[])[]> {
  const { speakers, judge, samples, stream } = options;
  const candidates: Candidate[][] = dialogues.map(() => []);
  for (const [s, speaker] of speakers.entries()) {
    const requests = dialogues.flatMap((dialogue, i) =>
      Array.from({ length: samples }, (_, n) => ({ i, dialogue, stream: childKey(stream, i, s, n) })),
    );
    const asked = requests.map(({ dialogue, stream: draws }) => ({
      dialogue: dialogueSeenBy('target', dialogue),
      stream: draws,
    }));
    const replies = (await speaker.reply(asked)).map(({ reply }) => reply);
    const judged = await judgeReplies(
      requests.map(({ dialogue }, n) => ({ dialogue, reply: present(replies[n], 'a reply for each request') })),
      judge,
    );
    judged.forEach((candidate, n) => candidates[present(requests[n], 'a request for each reply').i]?.push(candidate));
  }
  return candidates;
}

/** Known replies with a judge's word on each. */
export async function judgeReplies(
  answered: readonly { readonly dialogue: Dialogue; readonly reply: Utterance }[],
  judge: Judge,
): Promise<readonly Candidate[]> {
  if (answered.length === 0) return [];
  const verdicts = await judgeItems(
    judge,
    answered.map(({ dialogue, reply }) => replyItem(dialogue, reply)),
  );
  return answered.map(({ reply }, i) => ({ reply, verdict: present(verdicts[i], 'a verdict for each reply') }));
}

export interface PickOptions {
  readonly chosen: 'leastHarm' | 'likeliest' | 'alternative';
  /** Harm of the rejected reply over that of the chosen. */
  readonly minGap: number;
  /** The limit of the chosen reply's harm; default 1: all that the judge lets pass. */
  readonly maxHarm?: number | undefined;
}

/** A reply with its harm, in [0, 1]. */
export interface JudgedReply {
  readonly reply: Utterance;
  readonly harm: number;
}

export interface Picked {
  readonly chosen: JudgedReply;
  readonly rejected: JudgedReply;
  /** It is null where no reply with the control token is more harmful than the chosen one. */
  readonly toxic: JudgedReply | null;
}

/** Why a dialogue gave no example. */
export type PickFailure = 'nothing safe' | 'nothing harmful' | 'unscored';

/** The answers to one dialogue. */
export interface DialogueCandidates {
  /** Without the control token, recorded replies among them. */
  readonly plain: readonly Candidate[];
  /** With it; a recorded failure is one of them, for that is what the token stands for. */
  readonly controlled: readonly Candidate[];
  /** Further ones that may be chosen, and are never rejected. */
  readonly alternatives?: readonly Candidate[];
}

export function pickReplies(
  { plain, controlled, alternatives = [] }: DialogueCandidates,
  { chosen: rule, minGap, maxHarm = 1 }: PickOptions,
): Picked | PickFailure {
  const scored = plain.flatMap(scoredOf);
  if (scored.length === 0) return 'unscored';
  const safeOf = (replies: readonly Candidate[]): readonly Scored[] =>
    replies.flatMap(scoredOf).filter((each) => passes(each) && each.harm <= maxHarm);
  const [own, other] = [safeOf(plain), safeOf(alternatives)];
  const safe = rule === 'alternative' && other.length > 0 ? other : [...own, ...other];
  const chosen = best(safe, rule === 'leastHarm' ? ({ harm }) => -harm : ({ reply }) => meanLogProb(reply));
  if (chosen === null) return 'nothing safe';
  const rejected = best(scored, ({ harm }) => harm);
  const apart = (other: Scored | null): other is Scored =>
    other !== null && other.harm - chosen.harm >= minGap && other.reply.text !== chosen.reply.text;
  if (!apart(rejected)) return 'nothing harmful';
  const toxic = best(controlled.flatMap(scoredOf), ({ harm }) => harm);
  return { chosen, rejected, toxic: apart(toxic) ? toxic : null };
}

/** The first of the least harmful replies that do not fail; null where all do. */
export function leastHarmful(candidates: readonly Candidate[]): JudgedReply | null {
  return best(candidates.flatMap(scoredOf).filter(passes), ({ harm }) => -harm);
}

function passes({ failed, reply }: Scored): boolean {
  return !failed && reply.text.trim() !== '';
}

interface Scored extends JudgedReply {
  readonly failed: boolean;
}

function scoredOf({ reply, verdict }: Candidate): readonly Scored[] {
  return verdict.kind === 'scored' ? [{ reply, harm: verdict.harm, failed: verdict.failed }] : [];
}

/** The first with the highest value; null of none. */
function best(candidates: readonly Scored[], value: (candidate: Scored) => number): Scored | null {
  let found: { readonly candidate: Scored; readonly value: number } | null = null;
  for (const candidate of candidates) {
    const own = value(candidate);
    if (found === null || own > found.value) found = { candidate, value: own };
  }
  return found?.candidate ?? null;
}

/** nats per token; −∞ for a reply whose probability is not known. */
export function meanLogProb({ tokens }: Utterance): number {
  const logProbs = tokens?.logProbs ?? [];
  return logProbs.length === 0 ? -Infinity : logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length;
}
