/** Draws samples of the target until enough are kept, beside the texts that the user adds. Every draw is a record of
 *  draws.jsonl, with what became of it, and depends on its number alone, not on the batch. A run that goes on reads the
 *  records again. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { mostDraws, type ExploreStage } from '../../discovery/options.js';
import { createSampleFilter } from '../../discovery/sampleRules.js';
import { drawsPerBatch } from '../../recipe/stages/explore.js';
import { unitKey } from '../../runs/units.js';
import type { StageContext } from '../stageContext.js';
import { recordUnit } from '../unitRecorder.js';
import { countDraws, readDraws, type Draw } from './exploreRecords.js';
import { type DrawTexts, openSource } from './source.js';
import { openTopic, type OpenTopic } from './topic.js';

/** @param added texts of the user's own, which no draw repeats
 *  @throws ConfigError when the target says nothing that can be kept; InterruptedError, BudgetError: batches are kept */
export async function drawSamples(context: StageContext, stage: ExploreStage, added: readonly string[]): Promise<void> {
  if (context.run.completed(unitKey({ kind: 'exploreDraw', stage: stage.name })) !== null) return;
  const topic = await openTopic(context, stage);
  try {
    const source = await openSource(context, stage.options);
    try {
      await drawOnTopic(context, stage, added, { topic, draw: source.value });
    } finally {
      await source.close();
    }
  } finally {
    await topic.close();
  }
}

async function drawOnTopic(
  context: StageContext,
  { name, options }: ExploreStage,
  added: readonly string[],
  { topic, draw }: { readonly topic: OpenTopic; readonly draw: DrawTexts },
): Promise<void> {
  const { run, limits, progress } = context;
  const unit = unitKey({ kind: 'exploreDraw', stage: name });
  const recorder = recordUnit(run, unit);
  const log = run.log('draws');
  const draws: Draw[] = await readDraws(run);
  const keptTexts = draws.flatMap(({ text, dropped }) => (dropped === null ? [text] : []));
  const filter = createSampleFilter(options, [...added, ...keptTexts]);
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
      remedy: 'Lower minWords, raise maxNewTokens, widen the topic, or draw from: prompts or from: dialogues.',
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
