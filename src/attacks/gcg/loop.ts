/** The search of the attack `gcg`: step by step, with checkpoints within a prompt, since a search may take hours. */
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { childKey, type StreamKey } from '../../base/random.js';
import { readAs } from '../../base/readAs.js';
import { countFromZero } from '../../base/schemaParts.js';
import { turnRecord } from '../../dialogue/records.js';
import type { Utterance } from '../../dialogue/types.js';
import type { Find } from '../../speakers/adversaries/finds.js';
import { createWrittenAdversary, writtenUtterance } from '../../speakers/adversaries/written.js';
import type { AttackContext, AttackOutcome, WhiteBox } from '../attack.js';
import { exchangeCost } from '../search/budget.js';
import { type Found, type PromptSearch, searchPrompts } from '../search/search.js';
import { messageTo, placeSuffix, problemOf } from '../search/suffixFrame.js';
import { type GcgOptions, type GcgSettings, settingsOf } from './options.js';
import { type Gcg, openGcg, type SuffixSearch, type SuffixState } from './search.js';

/** Children of a search's stream. */
const draws = { step: 0, check: 1 } as const;

export async function runGcg(context: AttackContext, options: GcgOptions): Promise<AttackOutcome> {
  const whiteBox = await context.whiteBox();
  const settings = settingsOf(options);
  const others: WhiteBox[] = [];
  for (const model of options.also) others.push(await context.whiteBox(model));
  const gcg = await openGcg([whiteBox, ...others], { ...settings, ascii: options.ascii }, context.spending);
  try {
    return options.suffixes === 'shared'
      ? await searchShared(context, options, { gcg, whiteBox, settings })
      : await searchPrompts(context, options.budget, (search) =>
          searchPrompt(context, options, { gcg, settings }, search),
        );
  } finally {
    await gcg.close();
  }
}

async function searchPrompt(
  context: AttackContext,
  options: GcgOptions,
  { gcg, settings }: { readonly gcg: Gcg; readonly settings: GcgSettings },
  search: PromptSearch,
): Promise<Found> {
  const problem = problemOf(search.prompt, options);
  if ('reason' in problem) return { turns: [], score: null, failed: null, reason: problem.reason };
  const suffixes = gcg.search([problem]);
  if (search.restored === null && search.affordable(1, suffixes.startCost) === 0)
    return { turns: [], score: null, failed: null, reason: 'the budget allows for no try' };
  const utteranceOf = ({ best }: SuffixState): Utterance => writtenUtterance(suffixes.utterances(best.suffix)[0] ?? '');
  const { state, checked } = await takeSteps(suffixes, {
    settings,
    checkpointEvery: options.checkpointEvery,
    stream: search.stream,
    restored: search.restored,
    affordable: () => search.affordable(1, suffixes.stepCost) === 1,
    save: search.save,
    metrics: search.metrics,
    mayGoOn: search.mayGoOn,
    fails: async (state) => {
      if (search.affordable(1, exchangeCost(1)) === 0) return null;
      const { target, judge, join } = context;
      const adversary = createWrittenAdversary('gcg', () => utteranceOf(state));
      const stream = childKey(search.stream, draws.check, state.step);
      const job = { kind: 'linear', prompts: [search.prompt], turns: 1, stream } as const;
      const cast = { adversary, target, judge, join, reward: { reply: 1 } };
      const played = (await context.playJobs([job], cast)).flat();
      search.tried(played);
      return played.some(({ scores }) => scores.some(({ reply }) => reply.kind === 'scored' && reply.failed));
    },
  });
  return {
    turns: [utteranceOf(state)],
    score: -state.best.loss,
    failed: checked?.step === state.best.step ? checked.failed : null,
    tries: state.step,
    counts: { steps: state.step },
  };
}

/** One suffix for the first training prompts together, said at every test prompt.
 *  @throws ConfigError where no training prompt has what the search needs */
async function searchShared(
  context: AttackContext,
  options: GcgOptions,
  { gcg, whiteBox, settings }: { readonly gcg: Gcg; readonly whiteBox: WhiteBox; readonly settings: GcgSettings },
): Promise<AttackOutcome> {
  const { checkpoints, sink, progress, prompts, stream } = context;
  const found = prompts.train.map((prompt) => problemOf(prompt, options));
  const problems = found.flatMap((each) => ('reason' in each ? [] : [each])).slice(0, options.sharedBy);
  if (problems.length === 0)
    throw new ConfigError('no training prompt has what a suffix is searched for', {
      where: 'prompts.train',
      expected: 'a target string, and a goal where the message names it',
      remedy: 'Give the prompts a field target, or give targetTexts without {{target}}.',
    });
  const suffixes = gcg.search(problems);
  const { state } = await takeSteps(suffixes, {
    settings,
    checkpointEvery: options.checkpointEvery,
    stream,
    restored: checkpoints.restored === null ? null : (checkpoints.restored.state as JsonObject), // It holds no arrays.
    affordable: () => true,
    save: (kept) =>
      checkpoints.save({ step: Number(kept['step']), score: null, state: kept, write: () => Promise.resolve() }),
    metrics: (step, values) => {
      sink.metrics(values, { epoch: 1, step });
      progress({ phase: 'search', epoch: 1, epochs: 1, values });
    },
    mayGoOn: context.mayGoOn,
    fails: null,
  });
  const text = whiteBox.model.tokenizer.decode(state.best.suffix, { skipSpecialTokens: false }).trimStart();
  const finds = prompts.test.map((prompt): Find => {
    const message = messageTo(prompt, options.message);
    const rest = { prompt: prompt.id, failed: null, tries: 0, cost: {} };
    if (message === null) return { ...rest, turns: [], score: null, reason: 'the prompt has no goal' };
    return {
      ...rest,
      turns: [turnRecord(writtenUtterance(placeSuffix(whiteBox, { prompt, message }, text)))],
      score: -state.best.loss,
    };
  });
  return {
    steps: state.step,
    epochs: 1,
    reason: 'searched',
    bestScore: null,
    product: { kind: 'finds', finds },
  };
}

const suffixSchema = z.array(countFromZero);

const stateSchema = z.object({
  step: countFromZero,
  suffix: suffixSchema,
  loss: z.number(),
  best: z.object({ suffix: suffixSchema, loss: z.number(), step: countFromZero }),
  checked: z.object({ step: countFromZero, failed: z.boolean() }).nullable(),
});

/** The target was asked about the best suffix of this step. */
interface Checked {
  readonly step: number;
  readonly failed: boolean;
}

interface Stepping {
  readonly settings: Pick<GcgSettings, 'steps' | 'stopBelow' | 'checkEvery'>;
  readonly checkpointEvery: number;
  readonly stream: StreamKey;
  readonly restored: JsonObject | null;
  /** Whether the budget allows a further step. */
  readonly affordable: () => boolean;
  readonly save: (state: JsonObject) => Promise<void>;
  readonly metrics: (step: number, values: Readonly<Record<string, number>>) => void;
  readonly mayGoOn: () => void;
  /** Whether the target fails on the best suffix; null where the budget does not allow the question. */
  readonly fails: ((state: SuffixState) => Promise<boolean | null>) | null;
}

/** Takes steps until the search ends. Its draws are keyed by the step, so that a resumed search takes the same. */
async function takeSteps(
  suffixes: SuffixSearch,
  { settings, checkpointEvery, stream, restored, affordable, save, metrics, mayGoOn, fails }: Stepping,
): Promise<{ readonly state: SuffixState; readonly checked: Checked | null }> {
  const before = restored === null ? null : readAs(stateSchema, restored, 'a checkpoint of gcg');
  let state: SuffixState = before ?? (await suffixes.start());
  let checked: Checked | null = before?.checked ?? null;
  const { steps, stopBelow, checkEvery } = settings;
  while (state.step < steps && affordable()) {
    mayGoOn();
    const taken = await suffixes.step(state, childKey(stream, draws.step, state.step + 1));
    state = taken.state;
    metrics(state.step, { loss: state.loss, bestLoss: state.best.loss, candidates: taken.candidates });
    const isLow = stopBelow === null || state.best.loss < stopBelow;
    if (isLow && stopBelow !== null && checkEvery === null) break;
    if (
      isLow &&
      fails !== null &&
      checkEvery !== null &&
      state.step % checkEvery === 0 &&
      checked?.step !== state.best.step
    ) {
      const failed = await fails(state);
      checked = failed === null ? checked : { step: state.best.step, failed };
      if (failed === true) break;
    }
    if (state.step % checkpointEvery === 0) await save(savedState(state, checked));
  }
  return { state, checked };
}

function savedState({ step, suffix, loss, best }: SuffixState, checked: Checked | null): JsonObject {
  return {
    step,
    suffix: [...suffix],
    loss,
    best: { ...best, suffix: [...best.suffix] },
    checked: checked === null ? null : { ...checked },
  };
}
