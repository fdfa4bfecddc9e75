/** A planner: reads a frozen model's state before an utterance and decides on an action, which becomes soft tokens of that
 *  model's context (Dialogue Action Tokens, arXiv 2406.11978). It begins as a clone, under which the model speaks as it
 *  would by itself; what reinforcement learning adds is an actor, whose action is added to the clone's or takes its place.
 *
 *  A folder: `planner.json` (form), `planner.safetensors` (clone, map, statistics), and with an actor `actor.json` and
 *  `actor.safetensors`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import { hashLanguageModel, type LanguageModel } from '../../engine/models/languageModel.js';
import { initialiseWeights } from '../../engine/models/weights.js';
import { zeros } from '../../engine/nn/init.js';
import type { Device, TensorStore } from '../../engine/runtime/device.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { finishGraph } from '../../engine/tensor/graph.js';
import { createTrace } from '../../engine/tensor/trace.js';
import { type Actor, openActor } from '../offline/actor.js';
import type { StateStatistics } from '../offline/stateStatistics.js';
import { readTensors, saveTensors, type StorePart } from '../trainers/storedTensors.js';
import {
  clonedParameters,
  cloneStatistics,
  largestName,
  raiseNames,
  raiseParameters,
  traceCloned,
  traceRaise,
} from './plannerGraphs.js';
import { plannerSchema, type PlannerSettings, stateWidth } from './plannerSettings.js';

/** An actor's action is added to the clone's, or taken alone. */
export type ActionMeaning = 'residual' | 'absolute';

export interface Planner {
  readonly settings: PlannerSettings;
  /** Weights that self-cloning trains; the network's and, where it is learnt, the map's. */
  readonly weights: TensorStore;
  /** Statistics of states and, where it is not learnt, the map. */
  readonly fixed: TensorStore;
  /** @param states [n, S], as they come
   *  @returns the clone's actions, [n, D] */
  readonly cloned: (states: Float32Array) => Promise<Float32Array>;
  /** The largest number of an action that the clone gave on the states that it has learnt from. */
  readonly largestCloned: () => Promise<number>;
  /** Notes it, when cloning has ended. @param states [n, S] */
  readonly measureCloned: (states: Float32Array) => Promise<void>;
  /** @param actions [n, D]
   *  @returns rows of soft tokens, f32 [n · tokens, C] */
  readonly raise: (actions: Float32Array) => Promise<HostTensor>;
  /** Writes it into an existing folder. @param actor what it has learnt beyond the clone; default nothing */
  readonly save: (folder: string, actor?: PlannedActor | null) => Promise<void>;
  readonly release: () => Promise<void>;
}

export interface PlannedActor {
  readonly actor: Actor;
  readonly meaning: ActionMeaning;
  /** The size of the actor's action of 1 in the planner's own actions. */
  readonly unit: number;
}

const version = 1;
const fileNames = { form: 'planner.json', tensors: 'planner.safetensors' } as const;
const formSchema = plannerSchema.extend({
  actor: z.object({ actions: z.enum(['residual', 'absolute']), unit: z.number().positive() }).nullable(),
});

export interface NewPlanner {
  readonly settings: PlannerSettings;
  readonly seed: number;
  readonly statistics: StateStatistics;
  /** Root mean square of the numbers of the model's token table. */
  readonly tokenScale: number;
  /** Principal directions of the table, [D, C], where the map is made of them. */
  readonly directions: Float32Array | null;
}

/** A planner that has cloned nothing yet. */
export async function createPlanner(
  device: Device,
  { settings, seed, statistics, tokenScale, directions }: NewPlanner,
): Promise<Planner> {
  const planner = await emptyPlanner(device, settings, { seed, tokenScale });
  await device.write(planner.fixed, cloneStatistics.mean, statistics.mean);
  await device.write(planner.fixed, cloneStatistics.scale, statistics.scale);
  if (settings.mapping === 'pca')
    await device.write(planner.fixed, raiseNames.weight, present(directions, 'directions of the token table'));
  return planner;
}

/** A planner that was saved, with its actor if it has one.
 *  @throws FormatError when the folder holds none, or it is damaged; ConfigError when it is of another model */
export async function openPlanner(
  model: LanguageModel,
  folder: string,
): Promise<{ readonly planner: Planner; readonly actor: PlannedActor | null }> {
  const { device } = model;
  const { actor: form, ...settings } = readForm(folder);
  const hash = await hashLanguageModel(model);
  if (hash !== settings.model)
    throw new ConfigError('this planner steers another model', {
      where: folder,
      expected: `the model whose weights have the hash ${settings.model}`,
      got: `${model.name}, ${hash}`,
      remedy: 'Name the model that it was trained with as the adversary.',
    });
  const planner = await emptyPlanner(device, settings, { seed: 0, tokenScale: 1 });
  await readTensors(join(folder, fileNames.tensors), device, partsOf(planner));
  if (form === null) return { planner, actor: null };
  return { planner, actor: { meaning: form.actions, unit: form.unit, actor: await openActor(device, folder) } };
}

/** The settings of a planner that was saved. @throws FormatError when the folder holds none, or it is damaged */
export function readPlannerSettings(folder: string): PlannerSettings {
  const { actor: _, ...settings } = readForm(folder);
  return settings;
}

function readForm(folder: string): z.infer<typeof formSchema> {
  const path = join(folder, fileNames.form);
  const value = readJsonObject(path);
  requireVersion(value, version, 'planner', path);
  return readAs(formSchema, value, path);
}

/** The weights as they lie in files. */
function partsOf({ weights, fixed }: Pick<Planner, 'weights' | 'fixed'>): readonly StorePart[] {
  return [
    { store: weights, prefix: '' },
    { store: fixed, prefix: '' },
  ];
}

async function emptyPlanner(
  device: Device,
  settings: PlannerSettings,
  { seed, tokenScale }: Pick<NewPlanner, 'seed' | 'tokenScale'>,
): Promise<Planner> {
  const states = stateWidth(settings);
  const weights = await initialiseWeights(device, clonedParameters(settings, tokenScale), seed);
  const fixed = await device.createStore([
    ...Object.values(cloneStatistics).map((name) => ({ name, shape: [states], initial: zeros })),
    { name: largestName, shape: [1], initial: zeros },
    ...(settings.mapping === 'pca' ? raiseParameters(settings, tokenScale) : []),
  ]);
  const stores = [weights, fixed];
  const clone = await device.compile(clonedGraph(settings), { store: stores });
  const raise = await device.compile(raiseGraph(settings), { store: stores });
  const planner: Planner = {
    settings,
    weights,
    fixed,
    cloned: async (given) => {
      const rows = given.length / states;
      const { actions } = await device.run(clone, { states: f32Tensor([rows, states], given) });
      return Float32Array.from(present(actions, 'the graph gives actions').data as Float32Array);
    },
    largestCloned: async () => (await device.read(fixed, largestName))[0] as number, // It has one number.
    measureCloned: async (given) => {
      const actions = await planner.cloned(given);
      const largest = actions.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      await device.write(fixed, largestName, Float32Array.of(largest));
    },
    raise: async (actions) => {
      const rows = actions.length / settings.actionWidth;
      const { soft } = await device.run(raise, { actions: f32Tensor([rows, settings.actionWidth], actions) });
      return present(soft, 'the graph gives rows');
    },
    save: async (folder, actor = null) => {
      const form = {
        schema: version,
        ...settings,
        actor: actor === null ? null : { actions: actor.meaning, unit: actor.unit },
      };
      await writeFile(join(folder, fileNames.form), `${JSON.stringify(form, null, 2)}\n`);
      await saveTensors(join(folder, fileNames.tensors), device, partsOf(planner));
      await actor?.actor.save(folder);
    },
    release: async () => {
      for (const resource of [clone, raise, weights, fixed]) await device.release(resource);
    },
  };
  return planner;
}

function clonedGraph(settings: PlannerSettings): ReturnType<typeof finishGraph> {
  const trace = createTrace();
  const states = trace.input('states', 'f32', ['B', stateWidth(settings)]);
  return finishGraph(trace, { actions: traceCloned(states, settings) });
}

function raiseGraph(settings: PlannerSettings): ReturnType<typeof finishGraph> {
  const trace = createTrace();
  const actions = trace.input('actions', 'f32', ['B', settings.actionWidth]);
  return finishGraph(trace, { soft: traceRaise(actions, settings) });
}
