/** The search of the attack `gbrt`: gradient steps on a soft prompt, and every few steps an evaluation of the hard one, of
 *  which the best is kept. It leaves checkpoints within a prompt; its draws are keyed by the step, so that a resumed search
 *  takes the same. */
import { z } from 'zod';
import { invariant } from '../../base/invariant.js';
import type { JsonObject } from '../../base/json.js';
import { childKey } from '../../base/random.js';
import { readAs } from '../../base/readAs.js';
import { countFromZero } from '../../base/schemaParts.js';
import type { ScoredDialogue } from '../../dialogue/types.js';
import { createWrittenAdversary, writtenUtterance } from '../../speakers/adversaries/written.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { addAmounts, exchangeCost } from '../search/budget.js';
import { type Found, type PromptSearch, searchPrompts } from '../search/search.js';
import { problemOf } from '../search/suffixFrame.js';
import { type GbrtOptions, type GbrtSettings, settingsOf } from './options.js';
import { type HardPrompt, openGbrt, type SoftSearch, type SoftState } from './search.js';
import { openSoftJudge, type SoftJudge } from './softJudge.js';
import { readTokenMap } from './tokenMap.js';

/** Children of a search's stream. */
const draws = { step: 0, reply: 1 } as const;

export async function runGbrt(context: AttackContext, options: GbrtOptions): Promise<AttackOutcome> {
  const whiteBox = await context.whiteBox();
  const settings = settingsOf(options);
  const { allowed, loss } = options;
  const judge = loss === 'judge' ? judgeOf(context, options, settings, whiteBox.model) : null;
  const gbrt = await openGbrt(whiteBox, { settings, allowed, judge, spending: context.spending });
  try {
    return await searchPrompts(context, options.budget, async (search) => {
      // A soft reply is the target's own: what it shall say has no part in it.
      const targetTexts = judge === null ? options.targetTexts : [anyText];
      const problem = problemOf(search.prompt, { message: options.message, targetTexts });
      if ('reason' in problem) return { turns: [], score: null, failed: null, reason: problem.reason };
      return searchPrompt(context, options, { soft: gbrt.search(problem), settings }, search);
    });
  } finally {
    await gbrt.close();
  }
}

/** Stands behind a context whose reply is not given. */
const anyText = 'a';

function judgeOf(
  { judge, join, locate }: AttackContext,
  { reads, tokenMap }: GbrtOptions,
  settings: GbrtSettings,
  target: Parameters<typeof openSoftJudge>[1],
): SoftJudge {
  const map = tokenMap === null ? null : readTokenMap(locate(tokenMap));
  return openSoftJudge(judge, target, { reads, join, map, ...settings });
}

const evaluationSchema = z.object({
  utterance: z.string(),
  /** Harm, or −(nats per token of the given words): greater is better. */
  score: z.number(),
  /** Whether the target failed; null where no judge was asked. */
  failed: z.boolean().nullable(),
});
type Evaluation = z.output<typeof evaluationSchema>;

const stateSchema = z.object({
  step: countFromZero,
  best: evaluationSchema.nullable(),
  /** Step and utterance of the last evaluation. */
  evaluated: z.object({ step: countFromZero, utterance: z.string() }).nullable(),
  evaluations: countFromZero,
});
/** A search but for its arrays. */
type Progress = z.output<typeof stateSchema>;

async function searchPrompt(
  context: AttackContext,
  options: GbrtOptions,
  { soft, settings }: { readonly soft: SoftSearch; readonly settings: GbrtSettings },
  search: PromptSearch,
): Promise<Found> {
  const judged = options.loss === 'judge';
  const evaluationCost = judged ? exchangeCost(1) : soft.lossCost;
  let { state, progress } = restoredOf(search, soft);

  const evaluate = async (): Promise<void> => {
    const prompt = soft.hardPrompt(state);
    // The same words would be another draw of the reply at most.
    const isNew = prompt.utterance !== progress.evaluated?.utterance;
    const found = isNew ? await evaluationOf(context, options, { soft, search, prompt, step: state.step }) : null;
    progress = {
      step: state.step,
      best: found !== null && found.score > (progress.best?.score ?? -Infinity) ? found : progress.best,
      evaluated: { step: state.step, utterance: prompt.utterance },
      evaluations: progress.evaluations + (isNew ? 1 : 0),
    };
    if (found !== null)
      search.metrics(state.step, {
        hardScore: found.score,
        bestScore: progress.best?.score ?? found.score,
        survives: prompt.survives ? 1 : 0,
      });
  };

  while (state.step < settings.steps && search.affordable(1, addAmounts(soft.stepCost, evaluationCost)) === 1) {
    search.mayGoOn();
    const taken = await soft.step(state, childKey(search.stream, draws.step, state.step + 1));
    state = taken.state;
    search.metrics(state.step, {
      loss: taken.attack,
      ...(taken.improbability === null ? {} : { nllPerToken: taken.improbability }),
    });
    if (state.step % settings.evaluateEvery === 0) await evaluate();
    if (state.step % options.checkpointEvery === 0)
      await search.save({ ...progress, step: state.step } satisfies JsonObject, {
        logits: state.adam.values,
        firstMoment: state.adam.first,
        secondMoment: state.adam.second,
      });
  }
  if (state.step > 0 && progress.evaluated?.step !== state.step) await evaluate();
  const { best, evaluations } = progress;
  const counts = { steps: state.step };
  if (best === null) {
    const reason = state.step === 0 ? 'the budget allows for no try' : 'no try has a verdict';
    return { turns: [], score: null, failed: null, reason, tries: evaluations, counts };
  }
  return {
    turns: [writtenUtterance(best.utterance)],
    score: best.score,
    failed: best.failed,
    tries: evaluations,
    counts,
  };
}

function restoredOf(
  { restored, restoredArrays }: PromptSearch,
  soft: SoftSearch,
): { readonly state: SoftState; readonly progress: Progress } {
  if (restored === null)
    return { state: soft.start(), progress: { step: 0, best: null, evaluated: null, evaluations: 0 } };
  const progress = readAs(stateSchema, restored, 'a checkpoint of gbrt');
  const { logits: values, firstMoment: first, secondMoment: second } = restoredArrays;
  invariant(
    values !== undefined && first !== undefined && second !== undefined,
    'a checkpoint within a prompt has its arrays',
  );
  return { state: { step: progress.step, adam: { values, first, second } }, progress };
}

/** Returns what the hard prompt is worth; null where the judge gave no verdict. */
async function evaluationOf(
  context: AttackContext,
  { loss, reads }: GbrtOptions,
  {
    soft,
    search,
    prompt,
    step,
  }: { readonly soft: SoftSearch; readonly search: PromptSearch; readonly prompt: HardPrompt; readonly step: number },
): Promise<Evaluation | null> {
  const { utterance } = prompt;
  if (loss === 'targetText') return { utterance, score: -(await soft.lossOf(prompt)), failed: null };
  const { target, judge, join } = context;
  const adversary = createWrittenAdversary('gbrt', () => writtenUtterance(utterance));
  const stream = childKey(search.stream, draws.reply, step);
  const job = { kind: 'linear', prompts: [search.prompt], turns: 1, stream } as const;
  const played = (await context.playJobs([job], { adversary, target, judge, join, reward: { [reads]: 1 } })).flat();
  search.tried(played);
  return verdictOf(utterance, played);
}

function verdictOf(utterance: string, [played]: readonly ScoredDialogue[]): Evaluation | null {
  const [score] = played?.scores ?? [];
  if (score?.reward === null || score === undefined) return null;
  return { utterance, score: score.reward.total, failed: score.reply.kind === 'scored' && score.reply.failed };
}
