/** An actor: a small network from states to actions, with the statistics by which states are normalised. It is saved
 *  with them, so that it sees the same numbers wherever it acts.
 *
 *  A folder: `actor.json` (shape and action space), `actor.safetensors` (weights and statistics). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import { initialiseWeights } from '../../engine/models/weights.js';
import { mlpActivations, mlpParameters } from '../../engine/nn/mlp.js';
import { zeros } from '../../engine/nn/init.js';
import type { Device, TensorStore } from '../../engine/runtime/device.js';
import { f32Tensor } from '../../engine/runtime/hostTensor.js';
import { finishGraph } from '../../engine/tensor/graph.js';
import { createTrace } from '../../engine/tensor/trace.js';
import { readTensors, saveTensors, type StorePart } from '../trainers/storedTensors.js';
import type { StateStatistics } from './stateStatistics.js';
import { actorNetwork, statisticsNames, traceAction, type ActorShape } from './td3bcGraphs.js';

export interface Actor {
  readonly shape: ActorShape;
  /** Its weights: training changes them, and the next action is of the new ones. */
  readonly weights: TensorStore;
  readonly statistics: TensorStore;
  /** @param states [n, stateWidth], as they come
   *  @returns [n, actionWidth] */
  readonly act: (states: Float32Array) => Promise<Float32Array>;
  /** Writes it into an existing folder. */
  readonly save: (folder: string) => Promise<void>;
  readonly release: () => Promise<void>;
}

const version = 1;
const fileNames = { shape: 'actor.json', tensors: 'actor.safetensors' } as const;
const shapeSchema = z.object({
  stateWidth: z.int().min(1),
  actionWidth: z.int().min(1),
  hidden: z.array(z.int().min(1)),
  activation: z.enum(mlpActivations),
  space: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('box'), max: z.number().positive() }),
    z.object({ kind: z.literal('sphere'), radius: z.number().positive() }),
  ]),
});

/** A new actor with random weights. */
export async function createActor(
  device: Device,
  shape: ActorShape,
  { mean, scale }: StateStatistics,
  seed: number,
): Promise<Actor> {
  const actor = await emptyActor(device, shape, seed);
  await device.write(actor.statistics, statisticsNames.mean, mean);
  await device.write(actor.statistics, statisticsNames.scale, scale);
  return actor;
}

/** An actor that was saved. @throws FormatError when the folder holds none, or it is damaged */
export async function openActor(device: Device, folder: string): Promise<Actor> {
  const path = join(folder, fileNames.shape);
  const value = readJsonObject(path);
  requireVersion(value, version, 'actor', path);
  const actor = await emptyActor(device, readAs(shapeSchema, value, path), 0);
  await readTensors(join(folder, fileNames.tensors), device, actorParts(actor));
  return actor;
}

/** Weights and statistics, as they lie in files. */
export function actorParts({ weights, statistics }: Pick<Actor, 'weights' | 'statistics'>): readonly StorePart[] {
  return [
    { store: weights, prefix: '' },
    { store: statistics, prefix: '' },
  ];
}

async function emptyActor(device: Device, shape: ActorShape, seed: number): Promise<Actor> {
  const weights = await initialiseWeights(device, mlpParameters(actorNetwork(shape)), seed);
  const width = [shape.stateWidth];
  const statistics = await device.createStore(
    Object.values(statisticsNames).map((name) => ({ name, shape: width, initial: zeros })),
  );
  const graph = finishGraph(...actionGraph(shape));
  const program = await device.compile(graph, { store: [weights, statistics] });
  return {
    shape,
    weights,
    statistics,
    act: async (states) => {
      const count = states.length / shape.stateWidth;
      const { actions } = await device.run(program, { states: f32Tensor([count, shape.stateWidth], states) });
      return Float32Array.from(actions?.data as Float32Array); // the graph's only output is f32
    },
    save: async (folder) => {
      await writeFile(join(folder, fileNames.shape), `${JSON.stringify({ schema: version, ...shape }, null, 2)}\n`);
      await saveTensors(join(folder, fileNames.tensors), device, actorParts({ weights, statistics }));
    },
    release: async () => {
      for (const resource of [program, weights, statistics]) await device.release(resource);
    },
  };
}

function actionGraph(shape: ActorShape): Parameters<typeof finishGraph> {
  const trace = createTrace();
  return [trace, { actions: traceAction(trace, shape) }];
}
