/** Self-cloning: the unsteered adversary talks to the target, and the planner learns to leave what it says as it is. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { childKey, openStream } from '../../base/random.js';
import { meanOrZero } from '../../base/sums.js';
import type { ScoredDialogue } from '../../dialogue/types.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import type { AdamwConfig } from '../../engine/optim/adamw.js';
import { createPlanner, openPlanner, type Planner } from '../../learning/planner/planner.js';
import { stateWidth } from '../../learning/planner/plannerSettings.js';
import { placeTokens, placingOf } from '../../learning/planner/placeTokens.js';
import { type CloningExample, createSelfCloningTrainer } from '../../learning/planner/selfCloning.js';
import { joinRows } from '../../learning/planner/steer.js';
import { tokenDirections, tokenScaleOf } from '../../learning/planner/tokenTable.js';
import { statisticsOf } from '../../learning/offline/stateStatistics.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import { inBatches, trainEpochs } from '../../learning/trainers/trainEpochs.js';
import { createPhaseTimes } from '../phaseTimes.js';
import { summariseScores } from '../scoreSummary.js';
import { type CloningData, dataState, restoredData } from './cloningData.js';
import type { DatContext } from './context.js';
import type { DatOptions } from './options.js';
import { plannerFolder, withPlanner } from './plannerCheckpoint.js';
import { castOf, drawRepeatedly, streams } from './rollouts.js';

/** @throws ConfigError when the adversary has said nothing that could be cloned */
export async function cloneAdversary(
  context: DatContext,
  options: DatOptions,
): Promise<{ readonly planner: Planner; readonly steps: number }> {
  const { clone } = options;
  const { checkpoints, sink, mayGoOn, progress } = context;
  const { model } = context.speaker.adversary;
  const times = createPhaseTimes(context.clock);
  const restored = checkpoints.restored;
  const data = restored === null ? await drawData(context, options) : restoredData(restored.state, context.settings);
  const planner =
    restored === null
      ? await newPlanner(context, data.train)
      : (await openPlanner(model, plannerFolder(restored.folder))).planner;
  const trainer = await createSelfCloningTrainer(planner, model, decaying(clone, data.train.length));
  let isCloned = false;
  try {
    const unsteered = await unsteeredNll(context, data.heldOut);
    const measure = async (): Promise<Readonly<Record<string, number>>> =>
      unsteered === null
        ? {}
        : { 'clone/nllUnsteered': unsteered, 'clone/nllSteered': await steeredNll(context, planner, data.heldOut) };
    if (restored === null) sink.metrics(await measure(), { epoch: 0, step: 0 });
    const { step } = await trainEpochs({
      trainer,
      epochs: clone.epochs,
      batches: (epoch) =>
        inBatches(openStream(childKey(context.stream, streams.cloning, epoch)).shuffle(data.train), clone.batchSize),
      train: async (batch) => {
        const values = await times.during('train', () => trainer.train(batch));
        context.spending.add({ optimizerSteps: 1 });
        return values;
      },
      checkpoints: {
        restored,
        save: (checkpoint) =>
          checkpoints.save({
            ...checkpoint,
            state: { ...checkpoint.state, ...dataState(data), part: 'clone' },
            write: withPlanner(planner, checkpoint.write),
          }),
      },
      mayGoOn,
      afterStep: (values, at) => {
        sink.metrics(values, at);
        progress({ phase: 'train', epoch: at.epoch, epochs: clone.epochs, values });
      },
      afterEpoch: async (steps, at) => {
        sink.metrics({ ...meanByName(steps, 'epoch/'), ...(await measure()), ...times.take() }, at);
      },
    });
    await planner.measureCloned(joinRows(data.train.map(({ state }) => state)));
    isCloned = true;
    return { planner, steps: step };
  } finally {
    await trainer.release(); // its graphs read the planner's weights
    if (!isCloned) await planner.release();
  }
}

/** The rate falls to zero over the epochs, as in the released code. */
function decaying(clone: DatOptions['clone'], examples: number): AdamwConfig {
  const { warmupSteps, epochs, batchSize } = clone;
  const totalSteps = epochs * Math.ceil(examples / batchSize);
  return { ...optimizerOf(clone), schedule: { kind: 'linear', warmupSteps, totalSteps } };
}

async function drawData(context: DatContext, options: DatOptions): Promise<CloningData> {
  const { clone, horizon } = options;
  context.progress({ phase: 'rollout', epoch: 1, epochs: Math.max(1, clone.epochs), values: {} });
  const prompts = drawRepeatedly(context.prompts.train, clone.dialogues, childKey(context.stream, streams.cloned, 0));
  const dialogues = (
    await context.playJobs(
      [{ kind: 'linear', prompts, turns: horizon, stream: childKey(context.stream, streams.cloned, 1) }],
      castOf(context, options, context.speaker.adversary),
    )
  ).flat();
  context.sink.tries(dialogues, { epoch: 0, step: 0 });
  context.sink.metrics(
    summariseScores(
      dialogues.flatMap(({ scores }) => scores),
      'rollout/',
    ),
    { epoch: 0, step: 0 },
  );
  const heldOut = Math.round(clone.heldOut * dialogues.length);
  const data = {
    train: await examplesOf(context, dialogues.slice(heldOut)),
    heldOut: await examplesOf(context, dialogues.slice(0, heldOut)),
  };
  if (data.train.length === 0)
    throw new ConfigError('the adversary has said nothing that could be cloned', {
      where: 'exploit (dat)',
      expected: 'dialogues in which it says at least one token',
      remedy: 'Raise clone.dialogues, or look at what the adversary says.',
    });
  return data;
}

/** Returns the adversary's utterances with their contexts and states: a silent turn teaches nothing. */
async function examplesOf(
  { speaker: { adversary }, reader }: DatContext,
  dialogues: readonly ScoredDialogue[],
): Promise<readonly CloningExample[]> {
  const said = dialogues.flatMap(({ dialogue }) =>
    dialogue.turns.flatMap((turn, i) => {
      const ids = turn.tokens?.ids ?? [];
      if (turn.author !== 'adversary' || ids.length === 0) return [];
      const { ids: context, lastUtterance } = adversary.context({ ...dialogue, turns: dialogue.turns.slice(0, i) });
      return [
        {
          situation: { ids: context, lastUtterance: lastUtterance?.start ?? null, exchanges: i / 2 },
          completion: ids,
        },
      ];
    }),
  );
  const states = await reader.read(said.map(({ situation }) => situation));
  return said.map((each, i) => ({ ...each, state: present(states[i], 'a state per situation') }));
}

async function newPlanner(context: DatContext, examples: readonly CloningExample[]): Promise<Planner> {
  const { settings, speaker } = context;
  const { model } = speaker.adversary;
  const seed = openStream(childKey(context.stream, streams.weights)).integer(2 ** 31 - 1);
  return createPlanner(model.device, {
    settings,
    seed,
    statistics: statisticsOf(stateWidth(settings), (visit) => {
      for (const { state } of examples) visit(state);
    }),
    tokenScale: await tokenScaleOf(model),
    directions: settings.mapping === 'pca' ? await tokenDirections(model, settings.actionWidth) : null,
  });
}

/** Mean −log p of what was held out under the unsteered model, nats per token, which cloning does not change; null where
 *  nothing was. */
async function unsteeredNll({ speaker }: DatContext, examples: readonly CloningExample[]): Promise<number | null> {
  if (examples.length === 0) return null;
  const items = examples.map(({ situation, completion }) => ({ prefix: situation.ids, completion }));
  return meanNll(await scoreCompletions(speaker.adversary.model, items));
}

/** The same under the steered model. */
async function steeredNll(
  { speaker, settings }: DatContext,
  planner: Planner,
  examples: readonly CloningExample[],
): Promise<number> {
  const { model } = speaker.adversary;
  const placing = placingOf(settings, model);
  const soft = await planner.raise(await planner.cloned(joinRows(examples.map(({ state }) => state))));
  const items = examples.map(({ situation, completion }, row) => ({
    prefix: placeTokens(situation, row, placing),
    completion,
  }));
  return meanNll(await scoreCompletions(model, items, { soft }));
}

function meanNll(logProbs: readonly Float32Array[]): number {
  return -meanOrZero(logProbs.flatMap((each) => [...each]));
}
