/** Collects the dialogues of a mend stage: those in which the target failed, and ordinary ones, each split into a part
 *  for training and a held-out part for the measures. */
import { unitKey } from '../../runs/units.js';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { textId } from '../../dialogue/identity.js';
import type { AnsweredPreference } from '../../dialogue/preferences.js';
import type { Dialogue } from '../../dialogue/types.js';
import { watchUnscored } from '../../dialogue/unscored.js';
import { judgeReplies } from '../../mending/candidates.js';
import { type AnsweredTurn, harmlessTurns, replyOf, type SplitTurns, splitTurns } from '../../mending/dialogues.js';
import { readFailures } from '../../mending/failures.js';
import { untunedRow } from '../../recipe/recipe.js';
import { type MendContext, tell } from './mendContext.js';

export interface MendTurns {
  readonly harmful: SplitTurns;
  readonly ordinary: SplitTurns;
}

/** Collects and splits the dialogues. @returns null when nothing failed */
export async function collectTurns(context: MendContext): Promise<MendTurns | null> {
  const { stage, recipe } = context;
  const { failures, ordinary, holdOut } = stage.options;
  tell(context, 'dialogues', 0, 1);
  const fromData = failures.data == null ? null : await turnsOfData(context, failures.data);
  const failed = fromData?.failed ?? (await recordedFailures(context));
  if (failed.length === 0) return null;
  const split = (turns: readonly AnsweredTurn[], max: number): SplitTurns =>
    splitTurns(turns, { max, holdOut, seed: recipe.seed });
  const harmful = split(failed, failures.max);
  if (harmful.train.length === 0 || harmful.heldOut.length === 0) {
    throw new ConfigError('too few prompts with failures to mend and to measure', {
      where: `stages.${stage.name}`,
      expected: 'failures after several prompts, for both sides of holdOut',
      got: `${String(harmful.train.length)} to train on, ${String(harmful.heldOut.length)} held out`,
      remedy: 'Attack longer, lower failures.minHarm, or change holdOut.',
    });
  }
  const own = ordinary.data == null ? null : (await turnsOfData(context, ordinary.data)).harmless;
  return { harmful, ordinary: split(own ?? fromData?.harmless ?? (await ordinaryTurns(context)), ordinary.max) };
}

async function recordedFailures({ run, recipe, stage }: MendContext): Promise<readonly AnsweredTurn[]> {
  const units = new Set(stage.attacks.map((name) => unitKey({ kind: 'exploit', stage: name })));
  const { minHarm } = stage.options.failures;
  const found = await readFailures(run.log('rollouts').path, {
    judge: recipe.judge.model,
    stages: (unit) => units.has(unit),
    ...(minHarm === undefined ? {} : { minHarm }),
  });
  return found.map(({ dialogue, reply, promptId }) => ({ dialogue, group: promptId, safe: null, failure: reply }));
}

/** Sorts the pairs of replies in a file by the judge's verdicts: dialogues in which one reply fails, the rejected one as a
 *  rule, and dialogues in which neither does. */
async function turnsOfData(
  context: MendContext,
  path: string,
): Promise<{ readonly failed: readonly AnsweredTurn[]; readonly harmless: readonly AnsweredTurn[] }> {
  const { around, recipe, stage } = context;
  const rows = await around.preferences(path);
  const judge = watchUnscored(await around.judge(recipe.judge), recipe.judge.maxUnscored, path);
  const turns = rows.map((row) => ({ ...toTurn(row), chosen: replyOf(row.chosen), rejected: replyOf(row.rejected) }));
  const verdicts = await judgeReplies(
    turns.flatMap(({ dialogue, chosen, rejected }) => [
      { dialogue, reply: chosen },
      { dialogue, reply: rejected },
    ]),
    judge,
  );
  judge.check();
  const least = stage.options.failures.minHarm ?? judge.threshold;
  const harmOf = (i: number): number | null => {
    const { verdict } = present(verdicts[i], 'a verdict for each reply');
    return verdict.kind === 'scored' ? verdict.harm : null;
  };
  const failed: AnsweredTurn[] = [];
  const harmless: AnsweredTurn[] = [];
  turns.forEach(({ dialogue, group, chosen, rejected }, i) => {
    const [ofChosen, ofRejected] = [harmOf(2 * i), harmOf(2 * i + 1)];
    if (ofChosen === null || ofRejected === null) return;
    const isSwapped = ofChosen > ofRejected && ofChosen > least;
    const [better, worse] = isSwapped ? [rejected, chosen] : [chosen, rejected];
    const [low, high] = isSwapped ? [ofRejected, ofChosen] : [ofChosen, ofRejected];
    if (high > least) failed.push({ dialogue, group, safe: low > judge.threshold ? null : better, failure: worse });
    else if (low <= judge.threshold) harmless.push({ dialogue, group, safe: better, failure: null });
  });
  return { failed, harmless };
}

function toTurn({ dialogue }: AnsweredPreference): { readonly dialogue: Dialogue; readonly group: string } {
  const first =
    dialogue.prompt.turns?.[0] ?? (dialogue.prompt.text === '' ? dialogue.turns[0]?.text : dialogue.prompt.text);
  return { dialogue, group: textId(first ?? '') };
}

/** Plays dialogues of the untuned adversary, or of a list of ordinary questions, and the recipe's own target after
 *  training prompts, the same in every round of a loop, and returns their harmless turns. */
async function ordinaryTurns({ pool, recipe, stage, limits, playJobs }: MendContext): Promise<readonly AnsweredTurn[]> {
  const { max, turns, questions } = stage.options.ordinary;
  const { train } = await pool.prompts();
  const prompts = train.slice(0, Math.ceil(max / turns));
  const target = await pool.target();
  const list = questions == null ? {} : { speaker: { ...recipe.adversary, model: `prompts:${questions}` } };
  const opened = await pool.openRow({ name: questions ?? untunedRow, ...list });
  try {
    limits.mayGoOn();
    const judge = await pool.judge(recipe.judge);
    const stream = streamKey(recipe.seed, 'mend.ordinary');
    const cast = { adversary: opened.value, target, judge, join: pool.join, reward: {} };
    const dialogues = (await playJobs([{ kind: 'linear', prompts, turns, stream }], cast)).flat();
    return harmlessTurns(dialogues);
  } finally {
    await opened.close();
  }
}
