/** Collects the buffer: the steered adversary explores around what it has cloned, in batches of dialogues. What a batch
 *  explores follows from its number alone, so that a resumed run adds what an uninterrupted one would have. */
import { childKey } from '../../base/random.js';
import type { ScoredDialogue } from '../../dialogue/types.js';
import { type Episode, ReplayBuffer } from '../../learning/offline/replayBuffer.js';
import type { ReplaySettings } from '../../learning/offline/replaySettings.js';
import type { Planner } from '../../learning/planner/planner.js';
import { stateWidth } from '../../learning/planner/plannerSettings.js';
import { exploring, type Exploration, steerBy } from '../../learning/planner/steer.js';
import { createPhaseTimes } from '../phaseTimes.js';
import { summariseScores } from '../scoreSummary.js';
import { present } from '../../base/invariant.js';
import type { DatContext } from './context.js';
import type { DatOptions } from './options.js';
import { castOf, drawRepeatedly, streams } from './rollouts.js';

export interface Collected {
  readonly buffer: ReplayBuffer;
  /** Batches in all, over all sessions. */
  readonly steps: number;
}

/** @throws ConfigError for a given buffer of another kind, or of another planner */
export async function collectEpisodes(context: DatContext, options: DatOptions, planner: Planner): Promise<Collected> {
  const { collect } = options;
  if (collect.buffer !== null) return openCollected(context, options, planner);
  const settings = await bufferSettings(context, options, planner);
  const buffer = ReplayBuffer.open(context.folder('buffers'), settings);
  const { model } = context.speaker.adversary;
  const decide = exploring(planner, explorationOf(options, settings.actionUnit));
  const adversary = context.speaker.explorer.steered(steerBy(model, planner, context.reader, decide));
  const cast = castOf(context, options, adversary);
  const times = createPhaseTimes(context.clock);
  const batches = batchesOf(options);
  let done = Number(context.checkpoints.restored?.state['batches'] ?? 0);
  let kept = Number(context.checkpoints.restored?.state['episodes'] ?? 0);
  while (done < batches) {
    context.mayGoOn();
    const stream = childKey(context.stream, streams.explored, done);
    const count = Math.min(collect.batch, collect.episodes - done * collect.batch);
    const prompts = drawRepeatedly(context.prompts.train, count, childKey(stream, 0));
    const job = { kind: 'linear', prompts, turns: options.horizon, stream: childKey(stream, 1) } as const;
    const dialogues = (await times.during('rollout', () => context.playJobs([job], cast))).flat();
    const episodes = dialogues.flatMap((dialogue) => episodeOf(dialogue, options.horizon));
    // A killed session may have left episodes behind that its last checkpoint does not count: they are the same.
    for (const [i, episode] of episodes.entries()) if (kept + i >= buffer.episodes) buffer.append(episode);
    kept += episodes.length;
    done++;
    const at = { epoch: done, step: done };
    const scores = dialogues.flatMap((dialogue) => dialogue.scores);
    const values = {
      ...summariseScores(scores, 'explore/'),
      'explore/episodes': kept,
      'explore/dropped': dialogues.length - episodes.length,
    };
    context.sink.metrics({ ...values, ...times.take() }, at);
    context.progress({ phase: 'rollout', epoch: done, epochs: batches, values });
    await context.checkpoints.save({
      step: done,
      score: null,
      state: { batches: done, episodes: kept },
      write: () => Promise.resolve(),
    });
  }
  return { buffer, steps: batches };
}

/** Opens a buffer that an earlier session has filled, or another run.
 *  @throws ConfigError for one of another kind, or of another planner */
export async function openCollected(context: DatContext, options: DatOptions, planner: Planner): Promise<Collected> {
  const { buffer } = options.collect;
  const settings = await bufferSettings(context, options, planner);
  return buffer === null
    ? { buffer: ReplayBuffer.open(context.folder('buffers'), settings), steps: batchesOf(options) }
    : { buffer: ReplayBuffer.open(context.locate(buffer), settings), steps: 0 };
}

function batchesOf({ collect: { episodes, batch } }: DatOptions): number {
  return Math.ceil(episodes / batch);
}

/** Returns the steps of a dialogue; none where a reward is unknown, for a gap would be learnt as a zero. */
function episodeOf({ dialogue, scores }: ScoredDialogue, horizon: number): readonly Episode[] {
  const steps = scores.map(({ reward }, i) => {
    const { decision } = present(dialogue.turns[2 * i], 'an utterance per score');
    const { state, action } = present(decision, 'a steered utterance has a decision');
    return { state, action, reward: reward?.total ?? null };
  });
  const known = steps.flatMap(({ reward, ...step }) => (reward === null ? [] : [{ ...step, reward }]));
  if (known.length < steps.length || known.length === 0) return [];
  return [{ steps: known, ending: steps.length < horizon ? { kind: 'exit' } : { kind: 'limit', state: null } }];
}

function explorationOf({ collect: { explore, noise, noiseClip } }: DatOptions, unit: number): Exploration {
  return { kind: explore, deviation: noise, clip: noiseClip, unit };
}

/** Returns the size of a stored action of 1: the most that is added, the largest that can be tried, or the radius of the
 *  sphere. */
async function actionUnit({ collect: { explore, noiseClip, radius } }: DatOptions, planner: Planner): Promise<number> {
  switch (explore) {
    case 'residual':
      return noiseClip;
    case 'absolute':
      return noiseClip + (await planner.largestCloned());
    case 'sphere':
      return radius;
  }
}

async function bufferSettings(
  { settings, speaker }: DatContext,
  options: DatOptions,
  planner: Planner,
): Promise<ReplaySettings> {
  return {
    actions: options.collect.explore === 'residual' ? 'residual' : 'absolute',
    actionWidth: settings.actionWidth,
    actionUnit: await actionUnit(options, planner),
    stateWidth: stateWidth(settings),
    state: { layer: settings.layer, position: 'last token' },
    model: settings.model,
    planner: await speaker.adversary.model.device.hash(planner.weights),
    stepIsVisible: true,
  };
}
