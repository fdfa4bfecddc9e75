/** The frame of a search: one test prompt after the other, each within its budget, with a checkpoint after each, so that a
 *  killed run goes on with the next prompt and leaves the same bytes. An attack gives the search of one prompt. */
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { childKey, type StreamKey } from '../../base/random.js';
import { readAs } from '../../base/readAs.js';
import { countFromZero, jsonObject } from '../../base/schemaParts.js';
import { type Amounts, spentCounts, spentSince } from '../../base/spending.js';
import { textIndex } from '../../dialogue/identity.js';
import { turnRecord } from '../../dialogue/records.js';
import type { Prompt, ScoredDialogue, Utterance } from '../../dialogue/types.js';
import { type Find, findSchema } from '../../speakers/adversaries/finds.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { affordableSteps, budgetNames } from './budget.js';
import type { SearchBudget } from './options.js';

/** The search of one prompt. */
export interface PromptSearch {
  readonly prompt: Prompt;
  /** Every draw of the search comes from a child of it; it depends on the prompt's id, not on its place. */
  readonly stream: StreamKey;
  /** Returns how many of the wanted steps the budget allows.
   *  @param each what a step costs at most */
  readonly affordable: (wanted: number, each: Amounts) => number;
  /** Records dialogues that were tried with the target, as soon as they are played: what was spent since the last call is
   *  divided evenly over them. */
  readonly tried: (dialogues: readonly ScoredDialogue[]) => void;
  /** The state that an interrupted session has saved within this prompt; null at its beginning. */
  readonly restored: JsonObject | null;
  /** The arrays that were saved with it, by name. */
  readonly restoredArrays: Readonly<Record<string, Float32Array>>;
  /** Leaves a checkpoint within the prompt, for a search of long steps. With the stream it must be all that is needed to go
   *  on: what came after it is done again. @param arrays by names of one word */
  readonly save: (state: JsonObject, arrays?: Readonly<Record<string, Float32Array>>) => Promise<void>;
  /** Appends a line of metrics: of a step within the prompt, from 1. */
  readonly metrics: (step: number, values: Readonly<Record<string, number>>) => void;
  /** Throws when the user stops the run or a limit is reached; called between steps. */
  readonly mayGoOn: () => void;
}

/** The result of one prompt. */
export interface Found {
  /** Utterances to say, turn by turn; empty where nothing was found. */
  readonly turns: readonly Utterance[];
  /** The search chose by it, greater is better; null where it is not known. */
  readonly score: number | null;
  /** Whether the target failed, by the judge of the search; null where no judge said so. */
  readonly failed: boolean | null;
  /** Why nothing was found. */
  readonly reason?: string;
  /** Number of tries, where they are not the dialogues that were recorded. */
  readonly tries?: number;
  /** Further counts, by name. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** The search of a prompt that is not finished. */
const withinSchema = z.object({
  state: jsonObject,
  /** Its spending so far, and the part of that which was charged to recorded tries. */
  spent: z.record(z.string(), z.number()),
  charged: z.record(z.string(), z.number()),
  recorded: countFromZero,
});

const stateSchema = z.object({
  finds: z.array(findSchema),
  /** Checkpoints so far. */
  saved: countFromZero,
  within: withinSchema.nullable(),
});

type Within = z.output<typeof withinSchema>;

/** Searches every test prompt.
 *  @throws ConfigError where there are no test prompts */
export async function searchPrompts(
  context: AttackContext,
  budget: SearchBudget,
  searchOne: (search: PromptSearch) => Promise<Found>,
): Promise<AttackOutcome> {
  const { checkpoints, sink, mayGoOn } = context;
  const prompts = context.prompts.test;
  if (prompts.length === 0)
    throw new ConfigError('there are no prompts to search', {
      where: 'prompts.test',
      remedy: 'Check the file and the filter of the recipe.',
    });
  const { restored } = checkpoints;
  const before = restored === null ? null : readAs(stateSchema, restored.state, restored.folder);
  const finds: Find[] = [...(before?.finds ?? [])];
  let saved = before?.saved ?? 0;
  let within = before?.within ?? null;
  const arrays = Object.fromEntries(
    Object.entries(restored?.state ?? {}).flatMap(([name, value]) =>
      value instanceof Float32Array ? [[name, value] as const] : [],
    ),
  );
  const save = (unfinished: Within | null, kept: Readonly<Record<string, Float32Array>> = {}): Promise<void> =>
    checkpoints.save({
      step: ++saved,
      score: null,
      state: { ...kept, finds, saved, within: unfinished },
      write: () => Promise.resolve(),
    });
  for (const prompt of prompts.slice(finds.length)) {
    mayGoOn();
    const at = { epoch: finds.length + 1, step: finds.length + 1 };
    context.progress({ phase: 'search', epoch: at.epoch, epochs: prompts.length, values: valuesOf(finds) });
    const find = await searchWithin(context, budget, { prompt, at, within, arrays, save }, searchOne);
    within = null;
    finds.push(find);
    sink.metrics({ ...valuesOf(finds), ...(find.score === null ? {} : { score: find.score }), tries: find.tries }, at);
    await save(null);
  }
  const product = { kind: 'finds', finds } as const;
  return { steps: saved, epochs: 1, reason: 'searched', bestScore: null, product };
}

/** A prompt, and how its search goes on. */
interface PromptPlace {
  readonly prompt: Prompt;
  readonly at: { readonly epoch: number; readonly step: number };
  readonly within: Within | null;
  /** The arrays of the unfinished prompt. */
  readonly arrays: PromptSearch['restoredArrays'];
  readonly save: (within: Within, arrays: PromptSearch['restoredArrays']) => Promise<void>;
}

async function searchWithin(
  { spending, sink, stream, mayGoOn, progress, prompts }: AttackContext,
  budget: SearchBudget,
  { prompt, at, within, arrays, save }: PromptPlace,
  searchOne: (search: PromptSearch) => Promise<Found>,
): Promise<Find> {
  const before = spentSince(spending.total(), within?.spent ?? {});
  const spent = (): Amounts => spentSince(spending.total(), before);
  let charged: Amounts = within?.charged ?? {};
  let recorded = within?.recorded ?? 0;
  const found = await searchOne({
    prompt,
    stream: childKey(stream, textIndex(prompt.id)),
    affordable: (wanted, each) => affordableSteps(budget, spent(), { wanted, each }),
    tried: (dialogues) => {
      const now = spent();
      recorded += dialogues.length;
      sink.tries(
        dialogues,
        at,
        dialogues.map((_, i) => costUpTo(charged, now, (i + 1) / dialogues.length)),
      );
      charged = now;
    },
    restored: within?.state ?? null,
    restoredArrays: within === null ? {} : arrays,
    save: (state, kept = {}) => save({ state, spent: counts(spent()), charged: counts(charged), recorded }, kept),
    metrics: (step, values) => {
      sink.metrics({ ...values, searchStep: step }, at);
      progress({ phase: 'search', epoch: at.epoch, epochs: prompts.test.length, values });
    },
    mayGoOn,
  });
  const { turns, score, failed, reason, tries = recorded } = found;
  return {
    prompt: prompt.id,
    turns: turns.map((turn) => turnRecord(withoutLogProbs(turn))),
    score,
    failed,
    ...(reason === undefined ? {} : { reason }),
    tries,
    cost: spentCounts(spentSince(spending.total(), before)),
    ...(found.counts === undefined ? {} : { counts: found.counts }),
  };
}

/** Returns the counts of a checkpoint, without the time. */
function counts(amounts: Amounts): Record<string, number> {
  return { ...spentCounts(spentSince(amounts, {})) };
}

/** Returns what was spent when a share of a batch was done. */
function costUpTo(before: Amounts, after: Amounts, share: number): Amounts {
  return Object.fromEntries(
    budgetNames.flatMap((name) => {
      const [from, to] = [before[name] ?? 0, after[name] ?? 0];
      return to === 0 ? [] : [[name, from + share * (to - from)]];
    }),
  );
}

/** An utterance that is said again keeps its ids; its log-probabilities belong to the moment of its draw. */
function withoutLogProbs({ reasoning: _, ...turn }: Utterance): Utterance {
  const { tokens } = turn;
  return tokens === null ? turn : { ...turn, tokens: { tokenizerId: tokens.tokenizerId, ids: tokens.ids } };
}

function valuesOf(finds: readonly Find[]): Readonly<Record<string, number>> {
  return {
    found: finds.filter(({ turns }) => turns.length > 0).length,
    failed: finds.filter(({ failed }) => failed === true).length,
  };
}
