/** The three parts of dialogue action tokens, one after the other; each goes on from its own checkpoint. */
import { hashLanguageModel } from '../../engine/models/languageModel.js';
import { openPlanner, type PlannedActor, type Planner, readPlannerSettings } from '../../learning/planner/planner.js';
import type { PlannerSettings } from '../../learning/planner/plannerSettings.js';
import { openStateReader } from '../../learning/planner/states.js';
import type { CheckpointHooks } from '../../learning/trainers/trainEpochs.js';
import type { AttackContext, AttackOutcome, AttackSink, SteeredSpeaker } from '../attack.js';
import { cloneAdversary } from './clone.js';
import { collectEpisodes, openCollected } from './collect.js';
import type { DatContext } from './context.js';
import { improveActor } from './improve.js';
import type { DatOptions } from './options.js';
import { plannerFolder, withPlanner } from './plannerCheckpoint.js';

type Part = 'clone' | 'collect' | 'improve';

export async function runDat(attack: AttackContext, options: DatOptions): Promise<AttackOutcome> {
  const speaker = await attack.steerable({ temperature: options.collect.temperature });
  const { model } = speaker.adversary;
  const settings = await settingsOf(speaker, options);
  const reader = await openStateReader(model, settings);
  const context: DatContext = { ...attack, speaker, settings, reader };
  const toRelease: { readonly release: () => Promise<void> }[] = [];
  try {
    const cloned = await clonePart(context, options);
    toRelease.push(cloned.planner);
    let done = cloned.steps;
    let actor: PlannedActor | null = null;
    const { improve } = options;
    if (improve !== null) {
      const isCollected = context.checkpoints.restored?.state['part'] === 'improve';
      const { buffer, steps } = await (isCollected ? openCollected : collectEpisodes)(
        partOf(context, 'collect', cloned, done),
        options,
        cloned.planner,
      );
      done += steps;
      try {
        const improved = await improveActor(partOf(context, 'improve', cloned, done), { ...options, improve }, buffer);
        done += improved.steps;
        actor = improved.actor;
        toRelease.push(actor.actor);
      } finally {
        buffer.close();
      }
    }
    const { planner } = cloned;
    return {
      steps: done,
      epochs: options.clone.epochs,
      reason: 'epochs',
      bestScore: null,
      product: {
        kind: 'planner',
        save: (folder) => planner.save(folder, actor),
        release: async () => {
          for (const resource of toRelease) await resource.release();
        },
      },
    };
  } catch (error) {
    for (const resource of toRelease) await resource.release();
    throw error;
  } finally {
    await reader.close();
  }
}

interface Cloned {
  readonly planner: Planner;
  /** Optimizer steps that it took. */
  readonly steps: number;
}

/** The clone: of an earlier stage, of an interrupted session that has finished it, or new. */
async function clonePart(context: DatContext, options: DatOptions): Promise<Cloned> {
  const { speaker, checkpoints } = context;
  if (speaker.startFolder !== null) {
    const { planner } = await openPlanner(speaker.adversary.model, speaker.startFolder);
    return { planner, steps: 0 };
  }
  const { restored } = checkpoints;
  if (restored !== null && restored.state['part'] !== 'clone') {
    const { planner } = await openPlanner(speaker.adversary.model, plannerFolder(restored.folder));
    return { planner, steps: Number(restored.state['cloneSteps']) };
  }
  return cloneAdversary(context, options);
}

/** The context of a later part: checkpoints of its own, which keep the planner, and steps that go on from those before. */
function partOf(context: DatContext, part: Part, { planner, steps: cloneSteps }: Cloned, before: number): DatContext {
  const { restored, save } = context.checkpoints;
  const checkpoints: CheckpointHooks = {
    restored: restored?.state['part'] === part ? restored : null,
    save: (checkpoint) =>
      save({
        ...checkpoint,
        step: before + checkpoint.step,
        state: { ...checkpoint.state, part, cloneSteps },
        write: withPlanner(planner, checkpoint.write),
      }),
  };
  const sink: AttackSink = {
    ...context.sink,
    metrics: (values, { epoch, step }) => context.sink.metrics(values, { epoch, step: before + step }),
  };
  return { ...context, checkpoints, sink };
}

async function settingsOf(
  { adversary: { model }, startFolder }: SteeredSpeaker,
  { planner: { hidden, ...form }, horizon }: DatOptions,
): Promise<PlannerSettings> {
  if (startFolder !== null) return readPlannerSettings(startFolder);
  const { width } = model.architecture.config;
  return {
    ...form,
    model: await hashLanguageModel(model),
    width,
    horizon,
    hidden: hidden ?? [width, form.actionWidth],
  };
}
