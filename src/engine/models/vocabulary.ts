/** A model with more tokens, and the way back: special tokens become rows of the embedding (and of a head of its own),
 *  and are cut off again. Which parameters have a row for each token is read off the architecture: those that grow when
 *  its vocabulary does. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { withAddedTokens } from '../text/addedTokens.js';
import { architectureOf } from './all.js';
import type { Architecture, ParameterSpec } from './family.js';
import { assembleLanguageModel, type LanguageModel, type OpenOptions } from './languageModel.js';
import { languageModelParameters } from './parameters.js';

/** A model with further special tokens, weights of its own, and everything else as in `model`. The row of each new
 *  token is the mean of the rows of the old ones: transformers' `resize_token_embeddings` draws around that mean
 *  (`mean_resizing`), or leaves it to the model's initialisation. A model whose embedding has more rows than its
 *  tokenizer has tokens gives those rows to the new tokens first. Logits of old tokens are what they were;
 *  probabilities are lower by the share of the new tokens.
 *  @throws ConfigError for a model with an adapter, and as `withAddedTokens` does */
export async function extendVocabulary(
  model: LanguageModel,
  contents: readonly string[],
  options: Pick<OpenOptions, 'name' | 'trainable'> = {},
): Promise<LanguageModel> {
  refuseAdapter(model);
  const tokens = model.tokenizer.vocabularySize;
  if (tokens > model.vocabularySize) {
    throw new ConfigError('the tokenizer has tokens without a row in the embedding', {
      where: model.name,
      expected: `at most ${String(model.vocabularySize)} tokens`,
      got: String(tokens),
      remedy: 'Check that tokenizer and weights belong together.',
    });
  }
  const tokenizer = withAddedTokens(model.tokenizer, contents);
  const architecture = withRows(model, Math.max(model.vocabularySize, tokenizer.vocabularySize));
  const byToken = tokenParameters(model);
  return rebuilt(model, { architecture, tokenizer }, options, async ({ name }, length) => {
    const old = await model.device.read(model.weights, name);
    if (!byToken.has(name)) return old;
    const width = length / architecture.config.vocabularySize;
    const values = new Float32Array(length);
    values.set(old);
    const mean = meanRow(old, tokens, width);
    for (let id = tokens; id < tokenizer.vocabularySize; id++) values.set(mean, id * width);
    return values;
  });
}

/** The inverse: a model with the vocabulary, tokenizer, chat template and configuration of `original`, and the other
 *  weights of `model`. Rows that are no token's in `original` are as they were there.
 *  @param model `extendVocabulary` of `original`, trained or not
 *  @throws ConfigError for a model with an adapter, or one that does not go on from `original` */
export async function cutVocabulary(
  model: LanguageModel,
  original: LanguageModel,
  options: Pick<OpenOptions, 'name' | 'trainable'> = {},
): Promise<LanguageModel> {
  refuseAdapter(model);
  const byToken = tokenParameters(original);
  requireExtension(model, original);
  const tokens = original.tokenizer.vocabularySize;
  return rebuilt(model, original, options, async ({ name }, length) => {
    const values = await model.device.read(model.weights, name);
    if (!byToken.has(name)) return values;
    const width = length / original.vocabularySize;
    const cut = values.slice(0, length);
    if (tokens < original.vocabularySize)
      cut.set((await original.device.read(original.weights, name)).subarray(tokens * width), tokens * width);
    return cut;
  });
}

type Destination = Pick<LanguageModel, 'architecture' | 'tokenizer'> &
  Partial<Pick<LanguageModel, 'chatTemplateSource'>>;

/** A new model on the device of `model`. @param valuesOf gives a parameter's values, `length` of them */
async function rebuilt(
  model: LanguageModel,
  { architecture, tokenizer, chatTemplateSource = model.chatTemplateSource }: Destination,
  { name = model.name, trainable = false }: Pick<OpenOptions, 'name' | 'trainable'>,
  valuesOf: (spec: ParameterSpec, length: number) => Promise<Float32Array>,
): Promise<LanguageModel> {
  const { device } = model;
  const specs = languageModelParameters(architecture);
  const weights = await device.createStore(specs);
  for (const spec of specs) {
    const length = spec.shape.reduce((product, size) => product * size, 1);
    await device.write(weights, spec.name, await valuesOf(spec, length), { transfer: true });
  }
  return assembleLanguageModel(device, weights, { architecture, tokenizer, chatTemplateSource, name, trainable });
}

function withRows({ architecture, name }: LanguageModel, rows: number): Architecture {
  return architectureOf({ ...architecture.config.raw, vocab_size: rows }, 'language', name);
}

/** Names of the parameters whose first dimension is the vocabulary. */
function tokenParameters(model: LanguageModel): ReadonlySet<string> {
  const [own, grown] = [model.architecture, withRows(model, model.vocabularySize + 1)].map(languageModelParameters);
  const shapes = new Map(grown?.map(({ name, shape }) => [name, shape]));
  const differs = ({ name, shape }: ParameterSpec): boolean =>
    shape[0] !== present(shapes.get(name), 'the same parameters for any vocabulary')[0];
  return new Set(own?.filter(differs).map(({ name }) => name));
}

/** Sums in float64. */
function meanRow(values: Float32Array, rows: number, width: number): Float32Array {
  const sums = new Float64Array(width);
  for (let i = 0; i < rows * width; i++) sums[i % width] = (sums[i % width] ?? 0) + (values[i] ?? 0);
  return Float32Array.from(sums, (sum) => sum / rows);
}

function requireExtension(model: LanguageModel, original: LanguageModel): void {
  const shapesOf = (of: LanguageModel): string =>
    languageModelParameters(withRows(of, original.vocabularySize))
      .map(({ name, shape }) => `${name} ${shape.join('×')}`)
      .join();
  if (
    model.tokenizer.reads(original.tokenizer.id) &&
    model.vocabularySize >= original.vocabularySize &&
    shapesOf(model) === shapesOf(original)
  )
    return;
  throw new ConfigError('this model does not go on from the other', {
    where: model.name,
    expected: `${original.name} with further tokens`,
    got: `${String(model.vocabularySize)} rows, ${String(model.tokenizer.vocabularySize)} tokens`,
  });
}

function refuseAdapter({ adapter, name }: LanguageModel): void {
  if (adapter === null) return;
  throw new ConfigError('the vocabulary of a model with an adapter is not changed', {
    where: name,
    expected: 'a model with all of its weights',
    remedy: 'Use the control token as plain text (control: { as: text }).',
  });
}
