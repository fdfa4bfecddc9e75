/** Embeds the kept samples, in portions: embeddings.npy holds a row per sample, in their order. */
import { join } from 'node:path';
import { type Embedder, type EmbedOptions, loadEmbedder, openEmbedder } from '../../engine/models/embedder.js';
import { withCheckpoint } from '../../engine/models/storedModel.js';
import { requireLayer } from '../../engine/models/textBatch.js';
import { textBodyOf } from '../../engine/models/textBodyOf.js';
import { encodePieces } from '../../engine/text/pieces.js';
import type { ExploreOptions, ExploreStage } from '../../discovery/options.js';
import { openVectorFile } from '../../discovery/vectorFile.js';
import type { RunDirectory } from '../../runs/runDirectory.js';
import { unitKey } from '../../runs/units.js';
import type { StageContext } from '../stageContext.js';
import { recordUnit } from '../unitRecorder.js';

const textsPerPortion = 1024;

export function embeddingsPath({ path }: RunDirectory): string {
  return join(path, 'embeddings.npy');
}

/** @throws ConfigError for a layer that the model does not have: before a sample is drawn */
export async function requireEmbedding(
  { pool }: StageContext,
  { model, layer }: ExploreOptions['embed'],
): Promise<void> {
  const { layers } =
    model === null
      ? (await pool.localTarget()).model.architecture.config
      : await withCheckpoint(
          await pool.modelPath(model),
          async ({ config, source }) => textBodyOf(config, 'body', source).config,
        );
  requireLayer(layer, layers);
}

export function centresPath({ path }: RunDirectory): string {
  return join(path, 'centres.npy');
}

/** @throws InterruptedError, BudgetError: portions are kept */
export async function embedSamples(
  context: StageContext,
  { name, options }: ExploreStage,
  texts: readonly string[],
): Promise<void> {
  const { run, limits, progress } = context;
  const unit = unitKey({ kind: 'exploreEmbed', stage: name });
  if (run.completed(unit) !== null) return;
  const recorder = recordUnit(run, unit);
  const embedder = await openSampleEmbedder(context, options.embed);
  const { width } = embedder;
  let done = Number(recorder.checkpoints.restored?.state['rows'] ?? 0);
  const file = openVectorFile(embeddingsPath(run), { count: texts.length, width }, done);
  try {
    while (done < texts.length) {
      progress({ stage: name, phase: 'embed', done, total: texts.length, unit: 'samples', values: {} });
      limits.mayGoOn();
      const portion = texts.slice(done, done + textsPerPortion);
      file.append(await embedTexts(embedder, portion));
      done += portion.length;
      file.sync();
      const step = Math.ceil(done / textsPerPortion);
      await recorder.checkpoints.save({ step, score: null, state: { rows: done }, write: () => Promise.resolve() });
    }
  } finally {
    file.close();
    await embedder.close();
  }
  recorder.complete({ rows: done, width, embedder: embedder.name }, 0);
}

/** The text with the tokens that its model puts around it; of a long one the beginning, with the same tokens around it. */
export function textIds(
  {
    tokenizer,
    contextLength,
  }: Pick<Embedder, 'contextLength'> & { readonly tokenizer: Pick<Embedder['tokenizer'], 'encode'> },
  text: string,
): readonly number[] {
  return encodePieces(tokenizer, text, contextLength)[0] ?? tokenizer.encode(text);
}

/** Embeds texts as they are written, each cut to what the embedder reads. @throws ConfigError for an empty text */
export function embedTexts(embedder: Embedder, texts: readonly string[]): Promise<readonly Float32Array[]> {
  return embedder.embed(texts.map((text) => textIds(embedder, text)));
}

/** Opens what reads the samples: the target itself, or another model. The texts that it reads are counted. */
export async function openSampleEmbedder(
  context: Pick<StageContext, 'pool' | 'run'>,
  { model, layer, pooling }: ExploreOptions['embed'],
): Promise<Embedder> {
  if (model !== null) return openEncoder(context, model, { layer, ...(pooling === null ? {} : { pooling }) });
  const { pool, run } = context;
  // The state of the last token tells little but whether the sample was ended (docs/LOG.md).
  const embedder = await openEmbedder((await pool.localTarget()).model, { layer, pooling: pooling ?? 'mean' });
  return counted(embedder, (targetEvaluations) => {
    run.spending.add({ targetEvaluations });
  });
}

/** Opens a model that is named to embed texts. The texts that it reads are counted. */
export async function openEncoder(
  { pool, run }: Pick<StageContext, 'pool' | 'run'>,
  model: string,
  options: EmbedOptions = {},
): Promise<Embedder> {
  const embedder = await loadEmbedder(await pool.device(), await pool.modelPath(model), options);
  return counted(embedder, (encoderTexts) => {
    run.spending.add({ encoderTexts });
  });
}

/** @param count called with the number of texts that were embedded */
function counted(embedder: Embedder, count: (texts: number) => void): Embedder {
  return {
    ...embedder,
    embed: async (...asked) => {
      const vectors = await embedder.embed(...asked);
      count(vectors.length);
      return vectors;
    },
  };
}
