/** Measures every model of a mend stage: its replies to the held-out dialogues, one record per reply in rollouts.jsonl,
 *  and its remaining ability (the guards), in the manifest. All models answer the same dialogues with the same draws. */
import { unitKey } from '../../runs/units.js';
import { present } from '../../base/invariant.js';
import { childKey, streamKey } from '../../base/random.js';
import { dialogueRecord } from '../../dialogue/records.js';
import type { Dialogue, Utterance } from '../../dialogue/types.js';
import { watchUnscored } from '../../dialogue/unscored.js';
import { loadEmbedder, type Embedder } from '../../engine/models/embedder.js';
import { openTargetEmbedder } from '../../measures/coherence.js';
import { answerChoices, readChoices, shippedChoicesPath } from '../../measures/choices.js';
import { askEvasive } from '../../measures/evasionJudge.js';
import { ordinaryNll } from '../../measures/guards.js';
import { measureReplies, type MeasuringTools } from '../../measures/replies.js';
import { referenceOf } from '../../measures/replyLikelihood.js';
import { mendSpeaker, safeExample } from '../../mending/mendSpeaker.js';
import { openLocalSpeaker } from '../../speakers/localSpeaker.js';
import { createLocalTarget, type LocalTarget } from '../../speakers/targets/local.js';
import { judgeRecord } from '../judgeRecord.js';
import { type MendContext, tell } from './mendContext.js';
import { measuredSets } from './mendRecords.js';
import type { MendTurns } from './turns.js';

/** A model that is measured: the target before, the start of training, or a mended one. */
export interface Measuree {
  /** Name in the report. */
  readonly name: string;
  /** Folder models/NAME; null for the target itself. */
  readonly folder: string | null;
}

/** Returns the key of the unit that measures a model. @param stage name of the mend stage */
export function measureUnit(stage: string, model: string): string {
  return unitKey({ kind: 'mendMeasure', stage, model });
}

export async function measureModels(
  context: MendContext,
  turns: MendTurns,
  models: readonly Measuree[],
): Promise<void> {
  const waiting = models.filter(({ name }) => context.run.completed(measureUnit(context.stage.name, name)) === null);
  if (waiting.length === 0) return;
  const tools = await openTools(context);
  try {
    for (const [done, model] of waiting.entries()) {
      tell(context, `measure ${model.name}`, done, waiting.length);
      await measureModel(context, turns, model, tools);
    }
  } finally {
    await tools.embedder.close();
  }
}

async function measureModel(context: MendContext, turns: MendTurns, measuree: Measuree, tools: Tools): Promise<void> {
  const { run, recipe, stage, speaking, around, target, limits } = context;
  const unit = measureUnit(stage.name, measuree.name);
  const mended = measuree.folder === null ? null : around.withTarget({ name: measuree.name, folder: measuree.folder });
  try {
    const { model } = mended === null ? target : await mended.localTarget();
    const speaker = createLocalTarget(model, { ...speaking, name: measuree.name });
    const judge = watchUnscored(tools.judge, recipe.judge.maxUnscored, unit);
    for (const set of measuredSets) {
      const asked = turns[set].heldOut.slice(0, stage.options.measures.prompts);
      const answered = await answer(
        asked.map(({ dialogue }) => dialogue),
        speaker,
        limits.mayGoOn,
        recipe.seed,
      );
      const measured = await measureReplies(answered, {
        ...tools,
        judge,
        reference: { ...tools.reference, tokenizerIds: [model.tokenizer.id] },
      });
      run.log('rollouts').append(
        ...answered.map(({ dialogue, reply }, i) => ({
          ...dialogueRecord({ ...dialogue, turns: [...dialogue.turns, reply] }, {}, { stage: unit }, null),
          set,
          group: present(asked[i], 'a turn for each reply').group,
          measure: { ...present(measured[i], 'a measure for each reply') },
        })),
      );
    }
    judge.check();
    const reading = mendSpeaker(model, speaking);
    const ordinary = turns.ordinary.heldOut.flatMap((turn) =>
      safeExample(turn, reading).map((example) => ({ group: turn.group, example })),
    );
    const nll = await ordinaryNll(
      model,
      ordinary.map(({ example }) => example),
    );
    const answers = tools.questions === null ? [] : await answerChoices(model, tools.questions);
    run.completeUnit(unit, {
      judge: judgeRecord(judge),
      ordinary: ordinary.map(({ group }, i) => ({ group, nll: nll[i] ?? null })),
      choices: answers.map((each) => ({ ...each })),
    });
  } finally {
    await mended?.close();
  }
}

async function answer(
  dialogues: readonly Dialogue[],
  speaker: LocalTarget,
  mayGoOn: () => void,
  seed: number,
): Promise<readonly { readonly dialogue: Dialogue; readonly reply: Utterance }[]> {
  if (dialogues.length === 0) return [];
  mayGoOn();
  const replies = await speaker.reply(
    dialogues.map((dialogue, i) => ({ dialogue, stream: childKey(streamKey(seed, 'mend.measure'), i) })),
  );
  return dialogues.map((dialogue, i) => ({ dialogue, reply: present(replies[i], 'a reply for each dialogue').reply }));
}

interface Tools extends MeasuringTools {
  readonly questions: Awaited<ReturnType<typeof readChoices>> | null;
}

/** Opens the tools of the measures. The reference is the recipe's own target, in every round. */
async function openTools({ pool, recipe, stage, speaking }: MendContext): Promise<Tools> {
  const { embedder, choices, evasionJudge } = stage.options.measures;
  const { model } = await pool.localTarget();
  const { format } = openLocalSpeaker(model, 'target', speaking);
  const path =
    choices === undefined
      ? shippedChoicesPath(/^organism(:|$)/.test(recipe.target.model) ? 'organism' : 'everyday')
      : choices;
  return {
    judge: await pool.judge(recipe.judge),
    reference: referenceOf(model, format),
    embedder: embedder === null ? await openTargetEmbedder(model) : await loadOther(embedder),
    questions: path === null ? null : await readChoices(choices === undefined ? path : pool.locate(path)),
    ...(evasionJudge === null
      ? {}
      : {
          askEvasive: askEvasive(await pool.judge({ model: `languageModel:${evasionJudge}#evasion`, maxUnscored: 1 })),
        }),
  };

  async function loadOther(modelId: string): Promise<Embedder> {
    return loadEmbedder(await pool.device(), await pool.modelPath(modelId));
  }
}
