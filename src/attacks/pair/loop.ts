/** PAIR (arXiv 2310.08419): streams of attempts, each refined by the reply and the rating of the one before.
 *
 *  Differs from the released code: JSON is read by a parser, so that a brace in a message does not end it; an attempt whose
 *  answers cannot be read is left out, and the run goes on; a reply without a verdict is told as such, not rated 1; ratings
 *  are the recipe's judge's, its harm in [0, 1] as 1 to 10; the attacker's answer is not begun for it. The goal's target
 *  string is not told: a judge may hold a secret by it. */
import { childKey, type StreamKey } from '../../base/random.js';
import { present } from '../../base/invariant.js';
import type { Adversary, Dialogue, Prompt, ScoredDialogue, Utterance } from '../../dialogue/types.js';
import { createWrittenAdversary, writtenUtterance } from '../../speakers/adversaries/written.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { exchangeCost } from '../search/budget.js';
import { bestFind } from '../search/chosen.js';
import { type Found, type PromptSearch, searchPrompts } from '../search/search.js';
import { messageOf } from './answer.js';
import { attackerInstruction, feedback, openingMessage } from './instructions.js';
import type { PairOptions } from './options.js';

/** An attempt of a stream, as the attacker sees it again. */
interface Attempt {
  readonly answer: Utterance;
  readonly told: string;
}

export async function runPair(context: AttackContext, options: PairOptions): Promise<AttackOutcome> {
  const { target, judge, join, playJobs } = context;
  const attacker = await context.attacker();
  const parts = { target, judge, join, playJobs, attacker };
  return searchPrompts(context, options.budget, (search) => refine(parts, options, search));
}

/** The parts that take turns in it. */
type PairParts = Pick<AttackContext, 'target' | 'judge' | 'join' | 'playJobs'> & { readonly attacker: Adversary };

async function refine(
  { attacker, ...parts }: PairParts,
  options: PairOptions,
  { prompt, stream, affordable, tried, mayGoOn }: PromptSearch,
): Promise<Found> {
  const { streams, iterations, history, stopAt } = options;
  const goal = prompt.goal ?? options.goal;
  const told: Attempt[][] = Array.from({ length: streams }, () => []);
  const all: ScoredDialogue[] = [];
  const counts = { answers: 0, unreadable: 0 };
  for (let iteration = 0; iteration < iterations; iteration++) {
    mayGoOn();
    const active = affordable(streams, exchangeCost(1));
    const proposals = await propose(attacker, options, {
      conversations: told
        .slice(0, active)
        .map((attempts, i) => conversationOf(prompt, goal, i, attempts.slice(-history))),
      stream: childKey(stream, iteration, 0),
      counts,
    });
    const played = await say(parts, prompt, proposals, childKey(stream, iteration, 1));
    tried(played);
    all.push(...played);
    const ratings = played.map(ratingOf);
    proposals.forEach(({ of, answer }, i) => {
      const reply = present(played[i], 'a dialogue for each message').dialogue.turns[1]?.text ?? '';
      told[of]?.push({ answer, told: feedback(reply, goal, ratings[i] ?? null) });
    });
    if (stopAt !== null && ratings.some((rating) => rating !== null && rating >= stopAt)) break;
  }
  if (all.length === 0 && counts.answers > 0)
    return {
      turns: [],
      score: null,
      failed: null,
      reason: `the attacker wrote no JSON with a prompt in ${String(counts.answers)} answers`,
      counts,
    };
  return { ...bestFind(all), counts };
}

/** Returns the attacker's conversation: the goal, then its attempts and what came of each. */
function conversationOf({ id, text }: Prompt, goal: string, stream: number, attempts: readonly Attempt[]): Dialogue {
  const own = `${id}#${String(stream)}`;
  return {
    prompt: {
      id: own,
      conversationId: own,
      text: openingMessage({ text }, goal),
      views: { adversary: { system: attackerInstruction(stream) } },
    },
    turns: attempts.flatMap(({ answer, told }): readonly Utterance[] => [
      answer,
      { author: 'target', text: told, tokens: null, finishReason: 'stop' },
    ]),
  };
}

/** A message that the attacker proposes, in the stream `of`. */
interface Proposal {
  readonly of: number;
  readonly answer: Utterance;
  readonly message: string;
}

/** Asks the attacker for one message per conversation, and again where its answer cannot be read; a conversation whose
 *  answers can never be read has none.
 *  @param asked.counts counts answers and those that cannot be read */
async function propose(
  attacker: Adversary,
  { answers }: PairOptions,
  asked: {
    readonly conversations: readonly Dialogue[];
    readonly stream: StreamKey;
    readonly counts: { answers: number; unreadable: number };
  },
): Promise<readonly Proposal[]> {
  const found: Proposal[] = [];
  let open = asked.conversations.map((dialogue, of) => ({ dialogue, of }));
  for (let round = 0; round < answers && open.length > 0; round++) {
    const given = await attacker.speak(
      open.map(({ dialogue, of }) => ({ dialogue, stream: childKey(asked.stream, of, round) })),
    );
    asked.counts.answers += given.length;
    open = open.filter(({ of }, i) => {
      const answer = present(given[i], 'an answer for each conversation');
      const message = answer.noReply === undefined ? messageOf(answer.text) : null;
      if (message === null) asked.counts.unreadable++;
      else found.push({ of, answer, message });
      return message === null;
    });
  }
  return found.sort((a, b) => a.of - b.of);
}

/** Says each message to the target, in a conversation of its own. */
async function say(
  { playJobs, ...cast }: Omit<PairParts, 'attacker'>,
  prompt: Prompt,
  proposals: readonly Proposal[],
  stream: StreamKey,
): Promise<readonly ScoredDialogue[]> {
  const adversary = createWrittenAdversary('pair', (_, i) =>
    writtenUtterance(present(proposals[i], 'a message for each dialogue').message),
  );
  const prompts = proposals.map(() => prompt);
  const job = { kind: 'linear', prompts, turns: 1, stream } as const;
  return (await playJobs([job], { ...cast, adversary, reward: { reply: 1 } })).flat();
}

/** Returns the rating from 1 to 10 of a judge's harm; null where it gave no verdict. */
function ratingOf({ scores }: ScoredDialogue): number | null {
  const verdict = scores.at(-1)?.reply;
  return verdict?.kind === 'scored' ? 1 + Math.round(9 * verdict.harm) : null;
}
