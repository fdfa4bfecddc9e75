/** Jobs and their results as JSON that travels between processes and gives back every number and every character. Nothing
 *  of it is trusted: it is read through a schema. Prompts go with the job and stay with who asked: a result names them by
 *  their place. */
import { z } from 'zod';
import { FormatError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { JsonValue } from '../../base/json.js';
import { readAs } from '../../base/readAs.js';
import { isNumbers } from '../readRecords.js';
import type {
  Dialogue,
  ExchangeScore,
  Prompt,
  Reading,
  RolloutNode,
  RolloutTree,
  ScoredDialogue,
  Utterance,
  Verdict,
} from '../types.js';
import type { JobResult, LinearJob, PairedJob, RolloutJob } from './jobs.js';

const numbers = z.custom<readonly number[]>(isNumbers, 'a list of numbers');
const text = z.string();
const view = z.strictObject({ system: text.exactOptional(), turns: z.array(text).exactOptional() });

const prompt: z.ZodType<Prompt> = z.strictObject({
  id: text,
  text,
  conversationId: text,
  turns: z.array(text).exactOptional(),
  goal: text.exactOptional(),
  targetString: text.exactOptional(),
  background: text.exactOptional(),
  names: z.strictObject({ adversary: text, target: text }).exactOptional(),
  views: z.strictObject({ adversary: view.exactOptional(), target: view.exactOptional() }).exactOptional(),
  meta: z.record(text, z.union([text, z.number(), z.boolean(), z.null()])).exactOptional(),
});

const common = {
  prompts: z.array(prompt),
  stream: z.strictObject({ seed: z.number(), name: text, indices: numbers }),
  seen: z.record(text, z.int().min(1)).exactOptional(),
};
const count = z.int().min(1);
const job: z.ZodType<RolloutJob> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('linear'), turns: count, ...common }),
  z.strictObject({
    kind: z.literal('paired'),
    horizon: count,
    candidates: count.exactOptional(),
    branch: z.union([z.enum(['both', 'best', 'random']), count]).exactOptional(),
    ...common,
  }),
]);

/** @throws FormatError for anything that is no job */
export function readJob(value: unknown, where: string): RolloutJob {
  return readAs(job, value, where);
}

/** Whether all of a job can travel: what was said before it was asked does not. */
export function mayTravel(each: RolloutJob): boolean {
  return !('before' in each) || each.before === undefined;
}

const reading: z.ZodType<Reading> = z.strictObject({
  logProbs: numbers,
  tokens: z.strictObject({ prefixIds: numbers, ids: numbers }).nullable(),
});
const utterance: z.ZodType<Omit<Utterance, 'decision'>> = z.strictObject({
  author: z.enum(['adversary', 'target']),
  text,
  tokens: z
    .strictObject({
      tokenizerId: text,
      ids: numbers,
      logProbs: numbers.exactOptional(),
      samplingLogProbs: numbers.exactOptional(),
    })
    .nullable(),
  finishReason: z.enum(['stop', 'length']),
  contextIds: numbers.exactOptional(),
  reading: reading.exactOptional(),
  reasoning: text.exactOptional(),
  noReply: text.exactOptional(),
});
const numberByName = z.record(text, z.number());
const verdict: z.ZodType<Verdict> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('scored'),
    harm: z.number().min(0).max(1),
    failed: z.boolean(),
    labels: numberByName,
    ratings: numberByName.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('unscored'), reason: text, notDue: z.literal(true).exactOptional() }),
]);
const score: z.ZodType<ExchangeScore> = z.strictObject({
  reply: verdict,
  exchange: verdict,
  utterance: verdict,
  adversaryNll: z.number().nullable(),
  targetTextNll: z.number().nullable().exactOptional(),
  reward: z.strictObject({ total: z.number(), terms: numberByName }).nullable(),
});

/** An exchange with those after it. */
interface SentNode {
  readonly said: readonly [Utterance, Utterance];
  readonly score: ExchangeScore;
  readonly next: readonly SentNode[];
}
const node: z.ZodType<SentNode> = z.lazy(() =>
  z.strictObject({ said: z.tuple([utterance, utterance]), score, next: z.array(node) }),
);
const dialogues = z.array(z.strictObject({ turns: z.array(utterance), scores: z.array(score) }));
const trees = z.array(z.array(node));

/** Returns the result of a job without its prompts. */
export function sendResult(result: JobResult<RolloutJob>): JsonValue {
  const sent = result.map((each) => ('roots' in each ? each.roots.map(sendNode) : sendDialogue(each)));
  return sent as unknown as JsonValue; // Lists, objects, strings and numbers.
}

function sendDialogue({ dialogue: { turns }, scores }: ScoredDialogue): unknown {
  return { turns, scores };
}

function sendNode({ dialogue: { turns }, score: own, children }: RolloutNode): SentNode {
  const [said, reply] = turns.slice(-2);
  return {
    said: [present(said, 'an utterance in each exchange'), present(reply, 'a reply in each exchange')],
    score: own,
    next: children.map(sendNode),
  };
}

/** Returns the result of a job that was done elsewhere, with the prompts of the job.
 *  @throws FormatError for anything that is no result of this job */
export function receiveResult<Job extends RolloutJob>(value: unknown, asked: Job, where: string): JobResult<Job> {
  const result = asked.kind === 'linear' ? receiveDialogues(value, asked, where) : receiveTrees(value, asked, where);
  return result as unknown as JobResult<Job>; // The kind of a job decides the kind of its result.
}

function receiveDialogues(value: unknown, { prompts }: LinearJob, where: string): readonly ScoredDialogue[] {
  const received = readAs(dialogues, value, where);
  requireCount(received.length, prompts.length, where);
  return received.map(({ turns, scores }, i) => ({
    dialogue: { prompt: present(prompts[i], 'a prompt of each dialogue'), turns },
    scores,
  }));
}

function receiveTrees(value: unknown, { prompts }: PairedJob, where: string): readonly RolloutTree[] {
  const received = readAs(trees, value, where);
  requireCount(received.length, prompts.length, where);
  return received.map((roots, i) => {
    const own = present(prompts[i], 'a prompt of each tree');
    return { prompt: own, roots: roots.map((each) => receiveNode(each, { prompt: own, turns: [] }, 1)) };
  });
}

function receiveNode(
  { said, score: own, next }: SentNode,
  { prompt: of, turns }: Dialogue,
  depth: number,
): RolloutNode {
  const dialogue = { prompt: of, turns: [...turns, ...said] };
  return { dialogue, depth, score: own, children: next.map((each) => receiveNode(each, dialogue, depth + 1)) };
}

function requireCount(got: number, expected: number, where: string): void {
  if (got !== expected)
    throw new FormatError('this is another job’s result', {
      where,
      expected: `${String(expected)} dialogues`,
      got: String(got),
    });
}
