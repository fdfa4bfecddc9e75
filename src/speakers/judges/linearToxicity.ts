/** `linear-toxicity`, the default judge: the probability that a text is toxic, from alt-profanity-check 1.9.1 (MIT).
 *  Idea: a text is its bag of lower-cased words, tf·idf weighted and scaled to length 1; five linear SVMs read it, each
 *  margin goes through its own sigmoid (Platt), and the five probabilities are averaged. Source:
 *  https://github.com/dimitrismistriotis/alt-profanity-check, trained on 200,000 human-labelled texts; converted by
 *  scripts/convertLinearToxicity.py, which documents the file. Numbers are kept as float32: probabilities agree with
 *  `predict_prob` to 1e-6. Limits: single words, English, no context; words it never saw count for nothing. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { FormatError } from '../../base/errors.js';
import { assetPath } from '../../base/packageRoot.js';
import { guarded, scoreEach } from './guarded.js';
import type { JudgeKind } from './judgeKind.js';

export interface LinearToxicityModel {
  /** Word → column. */
  readonly columns: ReadonlyMap<string, number>;
  readonly folds: number;
  /** Shape [words]. */
  readonly idf: Float32Array;
  /** Shape [words, folds], row-major. */
  readonly weights: Float32Array;
  readonly intercepts: readonly number[];
  readonly slopes: readonly number[];
  readonly offsets: readonly number[];
}

/** A word's effect on the verdict. */
export interface WordContribution {
  /** Lower-cased, as the model reads it. */
  readonly word: string;
  /** Its share of the log-odds of toxicity, averaged over the five sigmoids, nats; all its occurrences together. */
  readonly contribution: number;
}

export interface Explanation {
  readonly probability: number;
  /** Mean log-odds of the five members: `base` plus the sum of all contributions. Its sigmoid is close to, not equal
   *  to, `probability`, which averages after the sigmoid. */
  readonly logOdds: number;
  /** Log-odds of a text without any known word. */
  readonly base: number;
  /** Known words, the most toxic first. */
  readonly words: readonly WordContribution[];
}

const magic = 'GADFLTX1';

let shipped: Promise<LinearToxicityModel> | null = null;

/** The model in assets/linear-toxicity, read once. */
export function loadLinearToxicity(): Promise<LinearToxicityModel> {
  shipped ??= readFile(assetPath('linear-toxicity', 'model.bin.gz')).then(parseLinearToxicity);
  return shipped;
}

/** @param file the gzipped asset
 *  @throws FormatError when it is not one */
export function parseLinearToxicity(file: Uint8Array): LinearToxicityModel {
  const bytes = unpack(file);
  if (bytes.toString('latin1', 0, 8) !== magic) {
    throw new FormatError('Not a linear toxicity model', {
      expected: magic,
      got: JSON.stringify(bytes.toString('latin1', 0, 8)),
      remedy: 'Run scripts/convertLinearToxicity.py.',
    });
  }
  const headerLength = bytes.readUInt32LE(8);
  const header = JSON.parse(bytes.toString('utf8', 12, 12 + headerLength)) as Record<
    'words' | 'folds' | 'wordBytes',
    number
  > &
    Record<'intercepts' | 'slopes' | 'offsets', number[]>;
  const wordsStart = 12 + headerLength;
  const words = bytes.toString('utf8', wordsStart, wordsStart + header.wordBytes).split('\n');
  const numbersStart = Math.ceil((wordsStart + header.wordBytes) / 4) * 4;
  const numbers = readFloats(bytes, numbersStart);
  if (words.length !== header.words || numbers.length !== header.words * (1 + header.folds)) {
    throw new FormatError('The linear toxicity model is cut short', {
      expected: `${header.words} words and ${header.words * (1 + header.folds)} numbers`,
      got: `${words.length} and ${numbers.length}`,
    });
  }
  return {
    columns: new Map(words.map((word, column) => [word, column])),
    folds: header.folds,
    idf: numbers.subarray(0, header.words),
    weights: numbers.subarray(header.words),
    intercepts: header.intercepts,
    slopes: header.slopes,
    offsets: header.offsets,
  };
}

function unpack(file: Uint8Array): Buffer {
  try {
    return gunzipSync(file);
  } catch (cause) {
    throw new FormatError('Not a linear toxicity model', {
      expected: 'a gzip file',
      remedy: 'Run scripts/convertLinearToxicity.py.',
      cause,
    });
  }
}

/** scikit-learn's token pattern \b\w\w+\b on the lower-cased text: runs of two or more of Python's \w, which are
 *  letters, numbers of any kind and the underscore (combining marks are not). */
export function splitTerms(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [];
}

/** Probability in [0, 1] that the text is toxic. */
export function toxicityOf(model: LinearToxicityModel, text: string): number {
  const margins = marginsOf(model, weighWords(model, text));
  let sum = 0;
  for (let k = 0; k < model.folds; k++) sum += 1 / (1 + Math.exp(-logOddsOf(model, k, margins[k] ?? 0)));
  return sum / model.folds;
}

/** Which words drive the verdict, exactly: the model is linear before its sigmoids. */
export function explainToxicity(model: LinearToxicityModel, text: string): Explanation {
  const features = weighWords(model, text);
  const mean = (of: (fold: number) => number): number => {
    let sum = 0;
    for (let k = 0; k < model.folds; k++) sum += of(k);
    return sum / model.folds;
  };
  const base = mean((k) => logOddsOf(model, k, model.intercepts[k] ?? 0));
  const words = [...features].map(([column, { word, value }]) => ({
    word,
    contribution: mean((k) => -(model.slopes[k] ?? 0) * value * (model.weights[column * model.folds + k] ?? 0)),
  }));
  words.sort((a, b) => b.contribution - a.contribution || (a.word < b.word ? -1 : 1));
  return {
    probability: toxicityOf(model, text),
    logOdds: words.reduce((sum, { contribution }) => sum + contribution, base),
    base,
    words,
  };
}

/** Column → l2-normalised tf·idf. */
function weighWords(
  model: LinearToxicityModel,
  text: string,
): ReadonlyMap<number, { readonly word: string; readonly value: number }> {
  const features = new Map<number, { word: string; value: number }>();
  for (const word of splitTerms(text)) {
    const column = model.columns.get(word);
    if (column === undefined) continue;
    const known = features.get(column);
    if (known === undefined) features.set(column, { word, value: model.idf[column] ?? 0 });
    else known.value += model.idf[column] ?? 0;
  }
  let squares = 0;
  for (const { value } of features.values()) squares += value * value;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (const feature of features.values()) feature.value *= scale;
  return features;
}

/** Signed distances to the five hyperplanes. Shape [folds]. */
function marginsOf(
  model: LinearToxicityModel,
  features: ReadonlyMap<number, { readonly value: number }>,
): Float64Array {
  const margins = Float64Array.from(model.intercepts);
  for (const [column, { value }] of features) {
    for (let k = 0; k < model.folds; k++)
      margins[k] = (margins[k] ?? 0) + value * (model.weights[column * model.folds + k] ?? 0);
  }
  return margins;
}

/** Platt's calibration before the logistic function: p = 1 / (1 + exp(a·margin + b)). */
function logOddsOf(model: LinearToxicityModel, fold: number, margin: number): number {
  return -((model.slopes[fold] ?? 0) * margin + (model.offsets[fold] ?? 0));
}

function readFloats(bytes: Uint8Array, start: number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = new Float32Array(Math.max(0, (bytes.byteLength - start) >> 2));
  for (let i = 0; i < numbers.length; i++) numbers[i] = view.getFloat32(start + 4 * i, true);
  return numbers;
}

export const linearToxicityKind: JudgeKind = {
  form: 'linear-toxicity',
  summary: 'toxicity of English text, 200,000 human labels (alt-profanity-check, MIT); the default',
  options: [],
  accepts: (model) => model === 'linear-toxicity',
  open: async ({ model: name, threshold = 0.5 }) => {
    const model = await loadLinearToxicity();
    return guarded({ name, threshold, score: scoreEach(({ text }) => ({ harm: toxicityOf(model, text) })) });
  },
};
