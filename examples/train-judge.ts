/** Trains a judge of your own: a text classifier on the body of any checkpoint, saved where a recipe's `judge: ./OUT`
 *  finds it.
 *
 *  npx tsx examples/train-judge.ts BODY DATA OUT [HELD_OUT] [EPOCHS]
 *
 *  BODY an encoder (BERT, RoBERTa, DistilBERT) or a language model: a folder, hf:org/name, …; its head is left out DATA
 *  lines {"text": "…", "label": "toxic"}; the labels are those that occur OUT the folder to write, in Hugging Face
 *  layout: transformers loads it too HELD_OUT lines of the same form to measure on; without it (or with -) a fifth of
 *  DATA is held out */
import { readFile } from 'node:fs/promises';
import {
  encodePieces,
  evaluateClassifier,
  fitClassifier,
  headSequenceClassifier,
  openDevice,
  openStream,
  resolveModel,
  saveSequenceClassifier,
  streamKey,
} from 'gadfly-lm';

const [body, data, out, heldOutFile = '-', epochs = '2'] = process.argv.slice(2);
if (body === undefined || data === undefined || out === undefined) {
  console.error('usage: npx tsx examples/train-judge.ts BODY DATA OUT [HELD_OUT] [EPOCHS]');
  process.exit(2);
}

interface Row {
  readonly text: string;
  readonly label: string;
}

async function readRows(file: string): Promise<readonly Row[]> {
  return (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Row);
}

const shuffled = openStream(streamKey(0, 'split')).shuffle(await readRows(data));
const cut = heldOutFile === '-' ? Math.ceil(shuffled.length / 5) : 0;
const heldOut = heldOutFile === '-' ? shuffled.slice(0, cut) : await readRows(heldOutFile);
const labels = [...new Set(shuffled.map(({ label }) => label))].sort();

const device = await openDevice();
const source = await resolveModel(body, { cacheDir: null, offline: false });
if (source.kind !== 'local') throw new Error('the body must be a checkpoint on this machine or on the hub');
const model = await headSequenceClassifier(device, source.path, { labels, seed: 0 });

// A long text teaches by its first 128 tokens; as a judge the model reads all of it, in pieces.
const labelled = (rows: readonly Row[]) =>
  rows.flatMap(({ text, label }) => {
    const [ids] = encodePieces(model.tokenizer, text, Math.min(128, model.contextLength));
    return ids === undefined ? [] : [{ ids, wanted: labels.map((name) => Number(name === label)) }];
  });

await fitClassifier(model, labelled(shuffled.slice(cut)), {
  epochs: Number(epochs),
  learningRate: 2e-4,
  // As many texts of the rare label as of the common one.
  balance: 'repeat',
  onStep: ({ step, steps, metrics }) =>
    console.error(`step ${step} of ${steps}: loss ${metrics['loss']?.toFixed(3) ?? ''}`),
});
console.log(
  JSON.stringify(
    { labels, trained: shuffled.length - cut, heldOut: await evaluateClassifier(model, labelled(heldOut)) },
    null,
    2,
  ),
);
await saveSequenceClassifier(model, out);
await device.close();
