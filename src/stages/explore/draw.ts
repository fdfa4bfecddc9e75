/** Draws samples of the target until enough are kept, beside the texts that the user adds. Every draw is a record of draws.jsonl, with what became of it; draw
 *  n has a stream of its own, so that it does not depend on the batch. A run that goes on reads the records again. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { childKey, streamKey } from '../../base/random.js';
import { countSpeaker } from '../../base/spending.js';
import type { Dialogue, Prompt, SpeakRequest } from '../../dialogue/types.js';
import { mostDraws, type ExploreOptions, type ExploreStage } from '../../discovery/options.js';
import { createSampleFilter } from '../../discovery/sampleRules.js';
import { drawsPerBatch } from '../../recipe/stages/explore.js';
import { unitKey } from '../../runs/units.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../../speakers/generation.js';
import { speakerOptions } from '../../speakers/speakerOptions.js';
import type { StageContext } from '../stageContext.js';
import { recordUnit } from '../unitRecorder.js';
import { countDraws, readDraws, type Draw } from './exploreRecords.js';
import { openTopic, type OpenTopic } from './topic.js';

/** @param added texts of the user's own, which no draw repeats
 *  @throws ConfigError when the target says nothing that can be kept; InterruptedError, BudgetError: batches are kept */
export async function drawSamples(context: StageContext, stage: ExploreStage, added: readonly string[]): Promise<void> {
  if (context.run.completed(unitKey({ kind: 'exploreDraw', stage: stage.name })) !== null) return;
  const topic = await openTopic(context, stage);
  try {
    await drawOnTopic(context, stage, added, topic);
  } finally {
    await topic.close();
  }
}

async function drawOnTopic(
  context: StageContext,
  { name, options }: ExploreStage,
  added: readonly string[],
  topic: OpenTopic,
): Promise<void> {
  const { run, limits, progress } = context;
  const unit = unitKey({ kind: 'exploreDraw', stage: name });
  const recorder = recordUnit(run, unit);
  const log = run.log('draws');
  const draws: Draw[] = await readDraws(run);
  const keptTexts = draws.flatMap(({ text, dropped }) => (dropped === null ? [text] : []));
  const filter = createSampleFilter(options, [...added, ...keptTexts]);
  const draw = await openSource(context, options);
  const most = mostDraws(options);
  let kept = keptTexts.length;
  let batches = Number(recorder.checkpoints.restored?.state['batches'] ?? 0);
  while (kept < options.samples && draws.length < most) {
    progress({ stage: name, phase: 'draw', done: kept, total: options.samples, unit: 'samples', values: {} });
    limits.mayGoOn();
    const raws = await draw(
      draws.length,
      Math.min(batchSize(options.samples - kept, kept, draws.length), most - draws.length),
    );
    const read = raws.map(filter.read);
    const usable = read.filter(({ dropped }) => dropped === null);
    const covered = await topic.covers(usable.map(({ text }) => text));
    const onTopic = new Set(usable.filter((_, i) => covered[i] === true));
    const batch: Draw[] = [];
    for (const [i, sample] of read.entries()) {
      if (kept === options.samples) break;
      const raw = present(raws[i], 'a raw text of each sample');
      const verdict = filter.take(sample, onTopic.has(sample));
      if (verdict.kind === 'kept') kept += 1;
      const [dropped, like] = verdict.kind === 'kept' ? [null, null] : [verdict.reason, verdict.like];
      batch.push({ draw: draws.length + batch.length, raw, text: verdict.text, dropped, like });
    }
    log.append(...batch);
    draws.push(...batch);
    batches += 1;
    await recorder.checkpoints.save({
      step: batches,
      score: null,
      state: { batches },
      write: () => Promise.resolve(),
    });
  }
  if (kept === 0) {
    throw new ConfigError('no sample could be kept', {
      where: `stages.${name}`,
      got: JSON.stringify(countDraws(draws)),
      remedy: 'Lower minWords, raise maxNewTokens, widen the topic, or draw from: prompts.',
    });
  }
  recorder.complete(countDraws(draws), 0);
}

/** Returns how many draws to make for what is still wanted, by the share that was kept so far: what a last batch draws
 *  beyond it is thrown away. */
function batchSize(wanted: number, kept: number, drawn: number): number {
  const share = drawn === 0 ? 1 : Math.max(0.1, kept / drawn);
  return Math.min(drawsPerBatch, Math.ceil(wanted / share) + 8);
}

/** Returns the texts of `count` draws from `first` on. */
type DrawTexts = (first: number, count: number) => Promise<readonly string[]>;

async function openSource(context: StageContext, options: ExploreOptions): Promise<DrawTexts> {
  const { recipe, pool } = context;
  const stream = streamKey(recipe.seed, 'explore');
  const requestsOf = (first: number, count: number, dialogue: (draw: number) => Dialogue): readonly SpeakRequest[] =>
    Array.from({ length: count }, (_, i) => ({
      dialogue: dialogue(first + i),
      stream: childKey(stream, first + i),
    }));
  if (options.from === 'start') {
    const speaker = await openFromStart(context, options);
    const empty: Dialogue = { prompt: { id: 'start', text: '', conversationId: 'start' }, turns: [] };
    return async (first, count) => (await speaker.speak(requestsOf(first, count, () => empty))).map(({ text }) => text);
  }
  const target = await pool.withSampling(samplingOf(options));
  const { train } = await pool.prompts();
  if (train.length === 0)
    throw new ConfigError('no prompts to draw from', { where: 'prompts.train', remedy: 'Give some, or from: start.' });
  return async (first, count) => {
    const requests = requestsOf(first, count, (draw) => asked(present(train[draw % train.length], 'a prompt')));
    return (await target.reply(requests)).map(({ reply }) => reply.text);
  };
}

/** The target speaks first, from its start token. */
async function openFromStart(
  { recipe, pool, run }: StageContext,
  options: ExploreOptions,
): Promise<LanguageModelAdversary> {
  const { model } = await pool.localTarget();
  if (model.tokenizer.bosId === null) {
    throw new ConfigError('this model has no start token', {
      where: 'stages.explore.from',
      got: recipe.target.model,
      remedy: 'Draw replies to prompts: from: prompts.',
    });
  }
  const { reasoning = 'cut' } = speakerOptions(recipe.target);
  return createLanguageModelAdversary(model, {
    name: recipe.target.model,
    format: 'plain',
    reasoning,
    sampling: samplingOf(options),
    onSpoken: countSpeaker(run.spending, 'target'),
  });
}

/** The prompt's text as what the target answers. */
function asked({ id, text, conversationId, views }: Prompt): Dialogue {
  const prompt = { id, text: '', conversationId, ...(views === undefined ? {} : { views }) };
  return { prompt, turns: [{ author: 'adversary', text, tokens: null, finishReason: 'stop' }] };
}

function samplingOf({
  temperature,
  topK,
  topP,
  repetitionPenalty,
  noRepeatNgram,
  maxNewTokens,
}: ExploreOptions): SpeakerSampling {
  return { temperature, topK, topP, repetitionPenalty, noRepeatNgram, maxNewTokens, minNewTokens: 0, minP: 0 };
}
