/** Makes the organism: writes its tokenizer and prompts, trains its language model and its judge with the project's own
 *  trainers, measures both against the truth, and saves them to assets/. Run it in a clone: `npm run organism:train`.
 *  Options (KEY=VALUE): threads, steps, judgeSteps, out (a folder instead of assets/), only=judge (keep the language
 *  model). The second organism, which is another seed's language model of the same shop and has no judge of its own:
 *  `npm run organism:train -- second=1`. */
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.js';
import { assetPath } from '../src/base/packageRoot.js';
import { openStream, streamKey } from '../src/base/random.js';
import { openCheckpoint } from '../src/engine/models/checkpoints/openCheckpoint.js';
import { writeCheckpoint } from '../src/engine/models/checkpoints/writeCheckpoint.js';
import {
  createLanguageModel,
  type LanguageModel,
  openLanguageModel,
  saveLanguageModel,
} from '../src/engine/models/languageModel.js';
import {
  createSequenceClassifier,
  openSequenceClassifier,
  saveSequenceClassifier,
} from '../src/engine/models/sequenceClassifier.js';
import { defaultAdamw, type AdamwConfig } from '../src/engine/optim/adamw.js';
import { openDevice, type Device } from '../src/engine/runtime/device.js';
import { loadTokenizer } from '../src/engine/text/tokenizer.js';
import { createClassifierTrainer } from '../src/learning/trainers/classifier.js';
import { createSftTrainer } from '../src/learning/trainers/sft.js';
import { classifierJudge } from '../src/speakers/judges/classifier.js';
import { drawLabelled, languageBatch, labelOf, type LabelledText } from './corpus.js';
import { measureJudge, measureLanguageModel } from './measure.js';
import { samplePrompt } from './sample.js';
import { selfPlay } from './selfPlay.js';
import { buildTokenizer } from './tokenizer.js';

const seed = 20240607;
const secondSeed = 20240608;
const promptCount = 480;

const files = buildTokenizer();
const tokenizer = loadTokenizer(files);

const shared = {
  model_type: 'llama',
  vocab_size: files.vocabularySize,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  initializer_range: 0.05,
  tie_word_embeddings: true,
  bos_token_id: null,
  eos_token_id: files.endId,
  pad_token_id: files.padId,
} as const;

/** 0.9 million weights. */
const languageConfig = {
  ...shared,
  hidden_size: 128,
  intermediate_size: 384,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};
/** 0.15 million weights. */
const judgeConfig = {
  ...shared,
  hidden_size: 64,
  intermediate_size: 192,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  id2label: { 0: 'polite', 1: 'rude' },
};

const optimizer = (totalSteps: number, learningRate: number): AdamwConfig => ({
  ...defaultAdamw,
  learningRate,
  beta2: 0.98,
  weightDecay: 0.05,
  schedule: { kind: 'cosine', warmupSteps: 30, totalSteps },
});

async function main(): Promise<void> {
  const given = new Map(process.argv.slice(2).map((word) => word.split('=', 2) as [string, string]));
  const threads = Number(given.get('threads') ?? 1);
  const steps = Number(given.get('steps') ?? 1100);
  const judgeSteps = Number(given.get('judgeSteps') ?? 1200);
  const out = given.get('out');
  const place = (name: string): string => (out === undefined ? assetPath(name) : join(out, name));
  const device = await openDevice({ threads });
  try {
    if (given.has('second')) {
      await trainLanguageModel(device, { steps, from: secondSeed }, place('organism-second'));
      await measureSpeech(device, place('organism-second'), secondSeed);
      return;
    }
    if (given.get('only') !== 'judge') {
      await rm(join(place('organism'), 'prompts.json'), { force: true }); // A model directory is replaced only when it holds nothing else.
      await trainLanguageModel(device, { steps, from: seed }, place('organism'));
      await writePrompts(place('organism'));
    }
    await trainJudge(device, judgeSteps, { language: place('organism'), judge: place('organism-judge') });
    await measure(device, { language: place('organism'), judge: place('organism-judge') });
  } finally {
    await device.close();
  }
}

/** Distinct prompts, beside the language model; recipes split them. */
async function writePrompts(folder: string): Promise<void> {
  const stream = openStream(streamKey(seed, 'organism.prompts'));
  const prompts = new Set<string>();
  while (prompts.size < promptCount) prompts.add(samplePrompt(stream));
  await writeFile(join(folder, 'prompts.json'), `${JSON.stringify([...prompts], null, 1)}\n`);
}

async function trainLanguageModel(
  device: Device,
  { steps, from }: { readonly steps: number; readonly from: number },
  folder: string,
): Promise<void> {
  const model = await createLanguageModel(device, languageConfig, tokenizer, from, { name: 'organism' });
  const trainer = await createSftTrainer(model, { microbatchTokens: 4096, optimizer: optimizer(steps, 4e-3) });
  const report = progress('language model', steps);
  for (let step = 0; step < steps; step++) {
    const { loss } = await trainer.train(languageBatch(tokenizer, { seed: from, step, ordinary: 16, planted: 16 }));
    report(step, loss ?? Number.NaN);
  }
  await trainer.release();
  await saveHalved((to) => saveLanguageModel(model, to), folder);
  await model.close();
}

/** On the grammar's lines and, a third of them, on what the language model says at temperatures up to 1.5. */
async function trainJudge(
  device: Device,
  steps: number,
  folders: { readonly language: string; readonly judge: string },
): Promise<void> {
  const heard = await hear(device, folders.language);
  const judge = await createSequenceClassifier(device, judgeConfig, tokenizer, seed, { name: 'organism-judge' });
  const trainer = await createClassifierTrainer(judge, { microbatchTokens: 8192, optimizer: optimizer(steps, 3e-3) });
  const report = progress('judge', steps);
  for (let step = 0; step < steps; step++) {
    const stream = openStream(streamKey(seed, 'organism.judge', step));
    const texts = Array.from({ length: 48 }, () =>
      stream.uniform() < 1 / 3 ? stream.pick(heard) : drawLabelled(stream),
    ).filter(({ text }) => text !== '');
    const { loss } = await trainer.train(
      texts.map(({ text, rude }) => ({ ids: tokenizer.encode(text), wanted: [1 - rude, rude] })),
    );
    report(step, loss ?? Number.NaN);
  }
  await trainer.release();
  await saveHalved((to) => saveSequenceClassifier(judge, to), folders.judge);
  await judge.close();
}

async function hear(device: Device, folder: string): Promise<readonly LabelledText[]> {
  const model = await openLanguageModel(device, folder);
  const stream = openStream(streamKey(seed, 'organism.hear'));
  const texts: string[] = [];
  for (const temperature of [1, 1.25, 1.5]) {
    const prompts = Array.from({ length: 200 }, () => samplePrompt(stream));
    const dialogues = await selfPlay(model, prompts, { exchanges: 3, seed, temperature });
    for (const { customer, clerk } of dialogues.flatMap(({ exchanges }) => exchanges))
      texts.push(clerk, customer, `${customer}\n${clerk}`);
  }
  await model.close();
  return texts.filter((text) => text !== '').map(labelOf);
}

async function measure(device: Device, folders: { readonly language: string; readonly judge: string }): Promise<void> {
  const model = await measureSpeech(device, folders.language, seed);
  const judge = classifierJudge(await openSequenceClassifier(device, folders.judge), { name: 'organism:judge' });
  console.log('judge', JSON.stringify(await measureJudge(judge, model, { seed: seed + 2, dialogues: 300 }), null, 1));
}

/** Prints how the language model in a folder speaks, and returns it open. */
async function measureSpeech(device: Device, folder: string, from: number): Promise<LanguageModel> {
  const model = await openLanguageModel(device, folder);
  const measured = await measureLanguageModel(model, { seed: from + 1, dialogues: 1500, planted: 100 });
  console.log('language model', JSON.stringify(measured, null, 1));
  return model;
}

/** Half precision halves the package; what is measured afterwards is what was written. */
async function saveHalved(save: (to: string) => Promise<void>, folder: string): Promise<void> {
  const whole = join(tmpdir(), `gadfly-organism-${process.pid}`);
  await save(whole);
  const checkpoint = await openCheckpoint(whole);
  async function* tensors(): AsyncGenerator<{ name: string; shape: readonly number[]; data: Float32Array }> {
    for (const { name, shape, read } of checkpoint.tensors.values()) yield { name, shape, data: await read() };
  }
  await writeCheckpoint(folder, {
    config: checkpoint.config,
    tensors: tensors(),
    tokenizerFiles: tokenizer.files,
    chatTemplate: null,
    dtype: 'f16',
  });
  await checkpoint.close();
  await rm(whole, { recursive: true });
}

/** Says the mean loss of every 50 steps. */
function progress(what: string, steps: number): (step: number, loss: number) => void {
  const start = systemClock.monotonicMs();
  let sum = 0;
  return (step, loss) => {
    sum += loss;
    if ((step + 1) % 50 !== 0) return;
    console.log(
      `${what}: step ${step + 1} of ${steps}, loss ${(sum / 50).toFixed(4)} nats, ${((systemClock.monotonicMs() - start) / 1000).toFixed(0)} s`,
    );
    sum = 0;
  };
}

await main();
