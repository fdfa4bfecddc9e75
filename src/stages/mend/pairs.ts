/** Makes the preference examples of a mend stage: samples candidates from the start of training, with the control token
 *  and without, at the recipe's temperatures, and picks by the judge. They are kept in pairs.jsonl, from which a resumed
 *  run reads them. */
import { unitKey } from '../../runs/units.js';
import { present } from '../../base/invariant.js';
import { childKey, streamKey } from '../../base/random.js';
import type { Dialogue } from '../../dialogue/types.js';
import { watchUnscored } from '../../dialogue/unscored.js';
import { type Candidate, judgeReplies, pickReplies, sampleReplies } from '../../mending/candidates.js';
import { textSeenBy } from '../../dialogue/views.js';
import type { AnsweredTurn } from '../../mending/dialogues.js';
import { mendSpeaker } from '../../mending/mendSpeaker.js';
import { type MendPair, toMendPair } from '../../mending/pairs.js';
import { createLocalTarget, type LocalTarget } from '../../speakers/targets/local.js';
import { judgeRecord } from '../judgeRecord.js';
import { mendPairOf, mendPairRecord, readPairs } from '../pairRecords.js';
import { collectAlternatives } from './alternatives.js';
import { type MendContext, tell } from './mendContext.js';
import type { MendTurns } from './turns.js';
import type { Start } from './controlModel.js';

export async function collectPairs(context: MendContext, turns: MendTurns, start: Start): Promise<readonly MendPair[]> {
  const { run } = context;
  const unit = unitKey({ kind: 'mendPairs', stage: context.stage.name });
  if (run.completed(unit) === null) await samplePairs(context, turns, start, unit);
  const pairs: MendPair[] = [];
  for await (const record of readPairs(run.log('pairs').path, 'mendPairs'))
    if (record.stage === unit) pairs.push(mendPairOf(record));
  return pairs;
}

async function samplePairs(
  context: MendContext,
  { harmful: { train, heldOut }, ordinary }: MendTurns,
  start: Start,
  unit: string,
): Promise<void> {
  const { recipe, run, stage, around, limits, speaking } = context;
  const { candidates } = stage.options;
  const all = [...train.map((turn) => ({ turn, heldOut: false })), ...heldOut.map((turn) => ({ turn, heldOut: true }))];
  const dialogues = all.map(({ turn }) => turn.dialogue);
  const judge = watchUnscored(await around.judge(recipe.judge), recipe.judge.maxUnscored, unit);
  const speakers = candidates.temperatures.map((temperature): LocalTarget => {
    const speaker = createLocalTarget(start.model, { ...speaking, sampling: { ...speaking.sampling, temperature } });
    return { ...speaker, reply: (requests) => (limits.mayGoOn(), speaker.reply(requests)) };
  });
  const sample = (asked: readonly Dialogue[], purpose: number): Promise<readonly (readonly Candidate[])[]> =>
    sampleReplies(asked, {
      speakers,
      judge,
      samples: candidates.samples,
      stream: childKey(streamKey(recipe.seed, unit), purpose),
    });
  const { control } = start;
  tell(context, 'candidates', 0, control === null ? 1 : 2);
  const plain = await sample(dialogues, 0);
  tell(context, 'candidates', 1, control === null ? 1 : 2);
  const marked = control === null ? dialogues.map(() => []) : await sample(dialogues.map(control.mark), 1);
  const known = candidates.fromData
    ? await judgeReplies(
        all.flatMap(({ turn }) => recorded(turn)),
        judge,
      )
    : [];
  const speaker = mendSpeaker(start.model, speaking);
  const alternatives = await collectAlternatives(context, dialogues, ordinary.train, { speaker, judge });
  judge.check();

  let next = 0;
  const left: Record<string, number> = {};
  const pairs = all.flatMap(({ turn, heldOut: isHeldOut }, i): readonly MendPair[] => {
    const own = candidates.fromData ? known.slice(next, (next += recorded(turn).length)) : [];
    const usable = ({ reply }: Candidate): boolean => control === null || !control.isIn(reply);
    const those = (found: readonly (readonly Candidate[])[]): readonly Candidate[] =>
      present(found[i], 'candidates of each dialogue').filter(usable);
    const picked = pickReplies(
      {
        plain: [...own.filter(usable), ...those(plain)],
        controlled: [...own.filter(usable), ...those(marked)],
        alternatives: those(alternatives),
      },
      candidates,
    );
    if (typeof picked !== 'string')
      return [
        toMendPair(
          {
            dialogue: turn.dialogue,
            group: turn.group,
            heldOut: isHeldOut,
            text: textSeenBy('target', turn.dialogue, around.join),
          },
          picked,
          speaker,
          control,
        ),
      ];
    left[picked] = (left[picked] ?? 0) + 1;
    return [];
  });
  run.log('pairs').append(...pairs.map((pair) => mendPairRecord(pair, unit)));
  run.completeUnit(unit, {
    dialogues: all.length,
    pairs: pairs.filter(({ heldOut: isHeldOut }) => !isHeldOut).length,
    heldOut: pairs.filter(({ heldOut: isHeldOut }) => isHeldOut).length,
    withoutToxic: pairs.filter(({ toxic }) => toxic === null).length,
    left,
    judge: judgeRecord(judge),
  });
}

/** Returns the recorded replies of a turn as candidates. */
function recorded({ dialogue, safe, failure }: AnsweredTurn): Parameters<typeof judgeReplies>[0] {
  return [safe, failure].flatMap((reply) => (reply === null ? [] : [{ dialogue, reply }]));
}
