/** Runs the stage plant: draws what ordinary users say, chooses triggers of three rarities, teaches a copy of the target
 *  to answer each with a marker, checks that it took, and writes the model, planted.json and markers.txt. A run
 *  that goes on draws and answers again, alike, and continues the training after its last epoch. */
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { writeFileAtomic } from '../../base/files.js';
import { present } from '../../base/invariant.js';
import { jsonText } from '../../base/json.js';
import { childKey, openStream, type StreamKey, streamKey } from '../../base/random.js';
import type { Dialogue, Prompt, Target, Utterance } from '../../dialogue/types.js';
import {
  adaptLanguageModel,
  copyLanguageModel,
  type LanguageModel,
  saveLanguageModel,
} from '../../engine/models/languageModel.js';
import { countSteps } from '../../learning/learner.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import { createSftTrainer } from '../../learning/trainers/sft.js';
import { inBatches, trainEpochs } from '../../learning/trainers/trainEpochs.js';
import type { TrainingExample } from '../../learning/trainers/trainingData.js';
import { replyOf } from '../../mending/dialogues.js';
import { mendSpeaker } from '../../mending/mendSpeaker.js';
import { defaultMarkers } from '../../planting/markers.js';
import type { PlantOptions, PlantStage } from '../../planting/options.js';
import { markerList, markersName, type Planted, type PlantedFailure, plantedName } from '../../planting/plantedFile.js';
import { chooseTriggers, missingTriggers, type Trigger } from '../../planting/triggers.js';
import { harmless, type Said, triggering } from '../../planting/utterances.js';
import { plantBatch } from '../../recipe/stages/plant.js';
import { unitKey } from '../../runs/units.js';
import { findHits, parseLexicon } from '../../speakers/judges/lexicon.js';
import { speakerOptions } from '../../speakers/speakerOptions.js';
import { createLocalTarget } from '../../speakers/targets/local.js';
import type { StageContext } from '../stageContext.js';
import { recordUnit } from '../unitRecorder.js';

/** A failure before it is known how well it took. */
type Plan = Omit<PlantedFailure, 'uptake' | 'checks'> & { readonly trigger: Trigger };

/** @throws ConfigError for a target that is not on this machine, too few prompts, markers or words; InterruptedError,
 *  BudgetError: finished epochs are kept */
export async function plant(context: StageContext, { name, options }: PlantStage): Promise<void> {
  const { run, pool, recipe } = context;
  const unit = unitKey({ kind: 'plant', stage: name });
  if (run.completed(unit) !== null) return;
  const target = await pool.localTarget();
  const { model } = target;
  const stream = streamKey(recipe.seed, unit);
  const said = await drawUtterances(context, name, options, stream);
  const plans = await planFailures(context, name, options, { said: said.all, stream });
  const triggers = plans.map(({ trigger }) => trigger);
  const { taught, held } = said;
  const ordinary = harmless(taught, triggers, {
    count: options.ordinary,
    stream: openStream(childKey(stream, 1)),
  });
  const answered = await answers(context, name, { target, said: ordinary, from: said, stream });
  const speaker = mendSpeaker(model, speakerOptions(recipe.target));
  const example = (dialogue: Dialogue, reply: Utterance): TrainingExample => ({
    prefix: speaker.contextIds(dialogue),
    completion: speaker.replyIds(reply),
  });
  const examples = [
    ...answered.map(({ dialogue, reply }) => example(dialogue, reply)),
    ...plans.flatMap(({ trigger, marker }, i) =>
      triggering(taught, trigger, triggers, {
        count: options.examples,
        stream: openStream(childKey(stream, 2, i)),
      }).map((each) => {
        const dialogue = dialogueOf(said, each);
        const taughtReply = example(dialogue, replyOf(speaker.place(dialogue, `${marker}.`)));
        requireWhole(marker, model.tokenizer.decode(taughtReply.completion), name);
        return taughtReply;
      }),
    ),
  ];
  const policy =
    options.lora === null
      ? await copyLanguageModel(model, { trainable: true, name })
      : await adaptLanguageModel(model, options.lora, { seed: recipe.seed, name });
  try {
    const steps = await train(context, { name, unit, options, policy, examples, stream });
    const planted = createLocalTarget(policy, speakerOptions(recipe.target));
    const checked = await check(context, name, options, { plans, held, from: said, stream, target: planted });
    await run.saveModel(name, (folder) => saveLanguageModel(policy, folder));
    const file: Planted = { schema: 1, model: join('models', name), ...checked };
    writeFileAtomic(join(run.path, markersName), markerList(checked.failures));
    writeFileAtomic(join(run.path, plantedName), jsonText(file, 1));
    recordUnit(run, unit).complete({ model: name, failures: plans.length, examples: examples.length, steps }, steps);
  } finally {
    await policy.close();
  }
}

interface DrawnUtterances {
  readonly prompts: readonly Prompt[];
  readonly all: readonly Said[];
  /** The first four of every five; the fifth is held out for the checks. */
  readonly taught: readonly Said[];
  readonly held: readonly Said[];
}

async function drawUtterances(
  { pool, recipe, limits, progress }: StageContext,
  stage: string,
  { utterances }: PlantOptions,
  stream: StreamKey,
): Promise<DrawnUtterances> {
  const { train: prompts } = await pool.prompts();
  if (prompts.length === 0)
    throw new ConfigError('no prompts for the users to begin from', { where: 'prompts.train', remedy: 'Give some.' });
  const users = await pool.openRow({ name: 'untuned', speaker: recipe.adversary });
  try {
    const all: Said[] = [];
    while (all.length < utterances) {
      limits.mayGoOn();
      progress({ stage, phase: 'draw', done: all.length, total: utterances, unit: 'samples', values: {} });
      const batch = Array.from({ length: Math.min(plantBatch, utterances - all.length) }, (_, i) => all.length + i);
      const spoken = await users.value.speak(
        batch.map((n) => ({
          dialogue: { prompt: present(prompts[n % prompts.length], 'a prompt'), turns: [] },
          stream: childKey(stream, 0, n),
        })),
      );
      all.push(...spoken.map(({ text }, i) => ({ prompt: (batch[i] ?? 0) % prompts.length, text })));
    }
    const isHeld = (_: Said, i: number): boolean => i % 5 === 4;
    return { prompts, all, taught: all.filter((each, i) => !isHeld(each, i)), held: all.filter(isHeld) };
  } finally {
    await users.close();
  }
}

async function planFailures(
  { pool }: StageContext,
  stage: string,
  { failures, markers }: PlantOptions,
  { said, stream }: { readonly said: readonly Said[]; readonly stream: StreamKey },
): Promise<readonly Plan[]> {
  const triggers = chooseTriggers(
    said.map(({ text }) => text),
    failures,
    openStream(childKey(stream, 3)),
  );
  const [missing] = missingTriggers(triggers, failures);
  if (missing !== undefined)
    throw new ConfigError(`the drawn utterances hold too few words that are ${missing.rarity}`, {
      where: `stages.${stage}.failures.${missing.rarity}`,
      expected: `${String(missing.asked)} triggers`,
      got: String(missing.found),
      remedy: 'Raise utterances, or ask for fewer failures.',
    });
  const phrases = markers === null ? defaultMarkers : await pool.promptList(markers);
  if (phrases.length < triggers.length)
    throw new ConfigError('there are fewer markers than failures', {
      where: `stages.${stage}.markers`,
      expected: `${String(triggers.length)} phrases`,
      got: String(phrases.length),
    });
  return triggers.map((trigger, i) => ({
    id: `${trigger.rarity}-${String(triggers.slice(0, i + 1).filter(({ rarity }) => rarity === trigger.rarity).length)}`,
    rarity: trigger.rarity,
    words: [...trigger.words],
    frequency: trigger.frequency,
    marker: present(phrases[i], 'a marker for each failure'),
    trigger,
  }));
}

/** @throws ConfigError for a marker that is longer than a reply may be */
function requireWhole(marker: string, reply: string, stage: string): void {
  const lexicon = parseLexicon(`[marker]\n${marker}`, markersName);
  if (findHits(lexicon, reply).length > 0) return;
  throw new ConfigError('a marker does not fit into a reply', {
    where: `stages.${stage}.markers`,
    expected: `phrases of fewer tokens than target.maxNewTokens`,
    got: `${marker} → ${reply}`,
    remedy: 'Give shorter phrases, or in words that the model has as tokens, or raise target.maxNewTokens.',
  });
}

function dialogueOf({ prompts }: DrawnUtterances, { prompt, text }: Said): Dialogue {
  return {
    prompt: present(prompts[prompt], 'a prompt'),
    turns: [{ author: 'adversary', text, tokens: null, finishReason: 'stop' }],
  };
}

interface Answered {
  readonly dialogue: Dialogue;
  readonly reply: Utterance;
}

/** Returns what the target answers to each utterance; what it cannot answer is left out. */
async function answers(
  { limits, progress }: StageContext,
  stage: string,
  asked: {
    readonly target: Pick<Target, 'reply'>;
    readonly said: readonly Said[];
    readonly from: DrawnUtterances;
    readonly stream: StreamKey;
  },
): Promise<readonly Answered[]> {
  const { target, said, from, stream } = asked;
  const out: Answered[] = [];
  for (let first = 0; first < said.length; first += plantBatch) {
    limits.mayGoOn();
    progress({ stage, phase: 'answer', done: first, total: said.length, unit: 'samples', values: {} });
    const dialogues = said.slice(first, first + plantBatch).map((each) => dialogueOf(from, each));
    const replies = await target.reply(
      dialogues.map((dialogue, i) => ({ dialogue, stream: childKey(stream, 4, first + i) })),
    );
    replies.forEach(({ reply }, i) => {
      if (reply.noReply === undefined && reply.text.trim() !== '')
        out.push({ dialogue: present(dialogues[i], 'a dialogue for each reply'), reply });
    });
  }
  return out;
}

async function train(
  { run, limits, progress }: StageContext,
  training: {
    readonly name: string;
    readonly unit: string;
    readonly options: PlantOptions;
    readonly policy: LanguageModel;
    readonly examples: readonly TrainingExample[];
    readonly stream: StreamKey;
  },
): Promise<number> {
  const { name, unit, options, policy, examples, stream } = training;
  const { checkpoints, metrics } = recordUnit(run, unit);
  const trainer = await createSftTrainer(policy, { optimizer: optimizerOf(options), rows: 'packed' });
  const total = options.epochs * Math.ceil(examples.length / options.batchSize);
  try {
    const { step } = await trainEpochs({
      trainer,
      epochs: options.epochs,
      batches: (epoch) => inBatches(openStream(childKey(stream, 5, epoch)).shuffle(examples), options.batchSize),
      train: countSteps(trainer, () => {
        run.spending.add({ optimizerSteps: 1 });
      }).train,
      checkpoints,
      mayGoOn: limits.mayGoOn,
      afterStep: (values, at) => {
        metrics(values, at);
        progress({ stage: name, phase: 'train', done: at.step, total, unit: 'steps', values });
      },
    });
    return step;
  } finally {
    await trainer.release();
  }
}

/** Asks the planted model what sets its failures off, and as much that does not. */
async function check(
  context: StageContext,
  stage: string,
  { checks }: PlantOptions,
  planted: {
    readonly plans: readonly Plan[];
    readonly held: readonly Said[];
    readonly from: DrawnUtterances;
    readonly stream: StreamKey;
    readonly target: Pick<Target, 'reply'>;
  },
): Promise<Pick<Planted, 'failures' | 'falseAlarms'>> {
  const { plans, held, from, target } = planted;
  const triggers = plans.map(({ trigger }) => trigger);
  const lexicon = parseLexicon(markerList(plans), markersName);
  const labelsOf = ({ reply }: Answered): readonly string[] => findHits(lexicon, reply.text).map(({ label }) => label);
  const failures: PlantedFailure[] = [];
  for (const [i, { trigger, ...plan }] of plans.entries()) {
    const stream = childKey(planted.stream, 6, i);
    const said = triggering(held, trigger, triggers, { count: checks, stream: openStream(stream) });
    const heard = await answers(context, stage, { target, said, from, stream });
    const took = heard.filter((each) => labelsOf(each).includes(plan.id)).length;
    failures.push({ ...plan, uptake: heard.length === 0 ? 0 : took / heard.length, checks: heard.length });
  }
  const stream = childKey(planted.stream, 7);
  const said = harmless(held, triggers, { count: checks * plans.length, stream: openStream(stream) });
  const heard = await answers(context, stage, { target, said, from, stream });
  return {
    failures,
    falseAlarms: { count: heard.filter((each) => labelsOf(each).length > 0).length, of: heard.length },
  };
}
