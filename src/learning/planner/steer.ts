/** Steers a frozen model by a planner: reads the states of contexts, decides, and puts the tokens of the decisions into the
 *  contexts. How it decides is what self-cloning, exploration and deployment differ in. */
import { type StreamKey, childKey, openStream } from '../../base/random.js';
import { invariant, present } from '../../base/invariant.js';
import type { Decision } from '../../dialogue/types.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { HostTensor } from '../../engine/runtime/hostTensor.js';
import { noisyAction, randomAction } from '../offline/exploration.js';
import { placeTokens, placingOf } from './placeTokens.js';
import type { PlannedActor, Planner } from './planner.js';
import type { Situation, StateReader } from './states.js';

/** Actions of a batch: what is done, and what a buffer stores of it, [n, D]. */
export interface Decided {
  readonly actions: Float32Array;
  readonly stored: Float32Array;
}

/** @param states [n, S] */
export type Decide = (states: Float32Array, streams: readonly StreamKey[]) => Promise<Decided>;

/** The part of a request that a planner reads. */
interface Asked {
  readonly dialogue: { readonly turns: readonly unknown[] };
  readonly stream: StreamKey;
}

/** A speaker asks this of a planner. */
export interface PlannerSteering {
  readonly addedTokens: number;
  readonly steer: (
    contexts: readonly { readonly ids: readonly number[]; readonly lastUtterance: { readonly start: number } | null }[],
    requests: readonly Asked[],
  ) => Promise<{
    readonly ids: readonly (readonly number[])[];
    readonly soft: HostTensor;
    readonly decisions: readonly Decision[];
  }>;
}

export function steerBy(
  model: Pick<LanguageModel, 'vocabularySize' | 'tokenizer'>,
  planner: Pick<Planner, 'settings' | 'raise'>,
  reader: Pick<StateReader, 'read'>,
  decide: Decide,
): PlannerSteering {
  const { settings } = planner;
  const placing = placingOf(settings, model);
  return {
    addedTokens: settings.tokens,
    steer: async (contexts, requests) => {
      const situations = contexts.map(({ ids, lastUtterance }, i): Situation => {
        const { turns } = present(requests[i], 'a request per context').dialogue;
        return { ids, lastUtterance: lastUtterance?.start ?? null, exchanges: Math.floor(turns.length / 2) };
      });
      const states = await reader.read(situations);
      const decided = await decide(
        joinRows(states),
        requests.map(({ stream }) => stream),
      );
      const { actionWidth } = settings;
      return {
        ids: situations.map((situation, row) => placeTokens(situation, row, placing)),
        soft: await planner.raise(decided.actions),
        decisions: states.map((state, i) => ({
          state,
          action: decided.stored.slice(i * actionWidth, (i + 1) * actionWidth),
        })),
      };
    },
  };
}

/** Decides as a planner does that has finished learning. @param actor null for a clone */
export function deployed(planner: Pick<Planner, 'cloned'>, actor: PlannedActor | null): Decide {
  return async (states) => {
    if (actor === null) {
      const actions = await planner.cloned(states);
      return { actions, stored: actions };
    }
    const { meaning, unit } = actor;
    const stored = await actor.actor.act(states);
    const said = stored.map((value) => unit * value);
    return { actions: meaning === 'absolute' ? said : sum(await planner.cloned(states), said), stored };
  };
}

/** How actions are explored: around the clone's by normal noise, or uniformly on a sphere, without the clone. */
export interface Exploration {
  readonly kind: 'residual' | 'absolute' | 'sphere';
  /** Deviation and bound of the noise of each coordinate, for those around the clone's. */
  readonly deviation: number;
  readonly clip: number;
  /** Actions are stored in this unit. */
  readonly unit: number;
}

/** Decides at random, each utterance from its own stream, so that a batch changes nothing. */
export function exploring(
  planner: Pick<Planner, 'cloned' | 'settings'>,
  { kind, deviation, clip, unit }: Exploration,
): Decide {
  const { actionWidth } = planner.settings;
  const draw = (key: StreamKey): Float32Array => {
    const stream = openStream(childKey(key, explorationChild));
    if (kind === 'sphere') return randomAction({ kind: 'sphere', radius: unit }, actionWidth, stream);
    const noise = { deviation: deviation / clip, bound: 1 };
    return noisyAction(new Float32Array(actionWidth), { kind: 'box', max: clip }, noise, stream);
  };
  return async (states, streams) => {
    const drawn = joinRows(streams.map(draw));
    const actions = kind === 'sphere' ? drawn : sum(await planner.cloned(states), drawn);
    return { actions, stored: (kind === 'residual' ? drawn : actions).map((value) => value / unit) };
  };
}

/** Child of an utterance's stream; the model's own draws come from the stream itself. */
const explorationChild = 0;

/** Arrays of one length behind each other. */
export function joinRows(rows: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const width = rows[0]?.length ?? 0;
  const joined = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    joined.set(row, i * width);
  });
  return joined;
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  invariant(a.length === b.length, 'actions are added to as many');
  return a.map((value, i) => value + (b[i] as number)); // As long.
}
