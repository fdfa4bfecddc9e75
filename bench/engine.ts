/** How fast the engine is: sampling, decoding with weights as inputs and frozen, accumulating gradients, the optimizer
 *  kernel. On random weights in the shape of SmolLM2-135M (or a small model with --small). Prints one line a
 *  measurement: wall and CPU milliseconds (all threads), so that a busy machine can be told from a slow program.
 *
 *  npx tsx bench/engine.ts [--small] [--threads N] */
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.js';
import { openStream, streamKey } from '../src/base/random.js';
import { architectureOf } from '../src/engine/models/all.js';
import { inferenceGraph } from '../src/engine/models/inferenceGraph.js';
import { languageModelParameters } from '../src/engine/models/parameters.js';
import { traceTokenLogProbs } from '../src/engine/models/tokenLogProbs.js';
import { initialiseWeights } from '../src/engine/models/weights.js';
import { createAdamwState, defaultAdamw, stepAdamw } from '../src/engine/optim/adamw.js';
import { openDevice, plainSampling, type DecodeRow, type HostTensor } from '../src/engine/runtime/device.js';
import { i64Tensor } from '../src/engine/runtime/hostTensor.js';
import { createSampler } from '../src/engine/runtime/sampler.js';
import { reduceMean } from '../src/engine/tensor/ops/all.js';
import { trainingGraph } from '../src/learning/trainers/weightTrainer.js';

const { values } = parseArgs({
  options: { small: { type: 'boolean', default: false }, threads: { type: 'string', default: '1' } },
});

const config = values.small
  ? {
      model_type: 'llama',
      hidden_size: 256,
      intermediate_size: 688,
      num_hidden_layers: 6,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      vocab_size: 4096,
    }
  : {
      model_type: 'llama',
      hidden_size: 576,
      intermediate_size: 1536,
      num_hidden_layers: 30,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      vocab_size: 49152,
    };

async function measure(name: string, unit: string, amount: number, action: () => unknown): Promise<void> {
  const [cpu, start] = [process.cpuUsage(), systemClock.monotonicMs()];
  await action();
  const wall = systemClock.monotonicMs() - start;
  const { user, system } = process.cpuUsage(cpu);
  const per = (ms: number): string => `${(ms / amount).toFixed(2)} ms`;
  console.log(
    `${name.padEnd(56)} ${per(wall).padStart(12)} wall  ${per((user + system) / 1000).padStart(12)} cpu  a ${unit}`,
  );
}

/** Logits as peaked as those of a trained model: normal, with standard deviation 3. */
async function benchSampler(vocabularySize: number): Promise<void> {
  const stream = openStream(streamKey(0, 'bench'));
  const logits_V = Float32Array.from({ length: vocabularySize }, () => stream.normal() * 3);
  const high = Math.max(...logits_V);
  const logTotal = high + Math.log(logits_V.reduce((sum, logit) => sum + Math.exp(logit - high), 0));
  const sampler = createSampler(vocabularySize);
  const settings = {
    'temperature 1': {},
    'temperature 0.7, top-p 0.7': { temperature: 0.7, topP: 0.7 },
    'top-p 0.99': { topP: 0.99 },
    'top-k 50, top-p 0.9, penalty 1.1': { topK: 50, topP: 0.9, repetitionPenalty: 1.1 },
    'min-p 0.05': { minP: 0.05 },
    greedy: { temperature: 0 },
  };
  for (const [name, options] of Object.entries(settings)) {
    const context = {
      options: { ...plainSampling, ...options },
      logTotal,
      seen: [1, 2, 3],
      banned: [],
      uniform: stream.uniform,
      where: '',
    };
    const choose = (): unknown => sampler.choose(logits_V, context);
    for (let i = 0; i < 20; i++) choose();
    await measure(`sampler, V ${vocabularySize}, ${name}`, 'token', 200, () => {
      for (let i = 0; i < 200; i++) choose();
    });
  }
}

const architecture = architectureOf(
  { ...config, max_position_embeddings: 2048, tie_word_embeddings: true, rope_theta: 1e5, rms_norm_eps: 1e-5 },
  'language',
  'bench',
);
const { layers, kvHeads, headSize, vocabularySize } = architecture.config;
await benchSampler(vocabularySize);

const device = await openDevice({ threads: Number(values.threads) });
const weights = await initialiseWeights(device, languageModelParameters(architecture), 0);
console.log(`${(weights.length / 1e6).toFixed(1)}M parameters, ${values.threads} thread(s)`);

for (const frozen of [false, true]) {
  const program = await device.compile(inferenceGraph(architecture), { store: weights, frozen });
  for (const batch of [1, 8, 32]) {
    const rows = (maxNewTokens: number): DecodeRow[] =>
      Array.from({ length: batch }, (_, index) => ({
        ids: Array.from({ length: 32 }, (__, t) => (index * 31 + t * 7) % vocabularySize),
        scoreFrom: null,
        sampling: { ...plainSampling, temperature: 0.7, topP: 0.7, maxNewTokens },
        stream: streamKey(index, 'bench'),
      }));
    await device.decode(program, { layers, kvHeads, headSize }, rows(2));
    const name = `decode, ${frozen ? 'frozen' : 'weights as inputs'}, batch ${batch}`;
    await measure(`${name}, prompt 32`, 'batch', 1, () =>
      device.decode(program, { layers, kvHeads, headSize }, rows(1)),
    );
    await measure(`${name}, prompt 32 + 32 new`, 'step', 32, () =>
      device.decode(program, { layers, kvHeads, headSize }, rows(32)),
    );
  }
  await device.release(program);
}

const [B, T] = [8, 64];
const training = trainingGraph(architecture, (trace) => {
  const [rows_N, targets_N] = [trace.input('rows', 'i64', ['N']), trace.input('targets', 'i64', ['N'])];
  const inputs = {
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    attention: { kind: 'causal' } as const,
    rows_N,
    targets_N,
  };
  return { loss: reduceMean(traceTokenLogProbs(architecture, inputs), [0]), outputs: {} };
});
const ids = Array.from({ length: B * T }, (_, i) => (i * 37) % vocabularySize);
const feeds: Record<string, HostTensor> = {
  ids: i64Tensor([B, T], ids),
  positions: i64Tensor(
    [B, T],
    ids.map((_, i) => i % T),
  ),
  rows: i64Tensor(
    [B * T - 1],
    ids.slice(1).map((_, i) => i),
  ),
  targets: i64Tensor([B * T - 1], ids.slice(1)),
};
const state = await createAdamwState(device, weights);
const program = await device.compile(training, { store: weights });
await device.accumulate(program, feeds, state.gradients);
await stepAdamw(device, defaultAdamw, weights, state);
await measure(`accumulate ${B}×${T}, into zero gradients`, 'microbatch', 1, () =>
  device.accumulate(program, feeds, state.gradients),
);
await measure(`accumulate ${B}×${T}, onto gradients`, 'microbatch', 1, () =>
  device.accumulate(program, feeds, state.gradients),
);
await measure(`run ${B}×${T}, loss only (whole graph, no gradients returned)`, 'microbatch', 1, () =>
  device.run(program, feeds, ['loss']),
);
await measure('AdamW: norm, clip, step', 'step', 1, () => stepAdamw(device, defaultAdamw, weights, state));
await measure('AdamW: norm, clip, step', 'step', 1, () => stepAdamw(device, defaultAdamw, weights, state));
await device.close();
