/** How much work dialogue action tokens are, counted before they run. */
import { meanOrZero } from '../../base/sums.js';
import { linearCalls, type TurnCalls } from '../../speakers/calls.js';
import { noWork, speakerWork, verdictsPerExchange, type Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import type { DatOptions } from './options.js';

/** Prompts come again where there are fewer than dialogues. What the frozen model reads for a state is read once more for
 *  the utterance. */
export function datWork(options: DatOptions, facts: AttackLengths): Work {
  const { clone, collect, improve, horizon, from } = options;
  const cloned = from === null ? clone.dialogues : 0;
  const explored = improve === null || collect.buffer !== null ? 0 : collect.episodes;
  const calls = [dialogueCalls(facts, cloned, cloned, horizon), dialogueCalls(facts, explored, collect.batch, horizon)];
  const target = speakerWork(calls.flatMap((each) => each.target));
  const learnt = Math.round(cloned * (1 - clone.heldOut)) * horizon;
  const { utterance, prompts, maxContext } = facts.adversary;
  const context = Math.min(
    maxContext,
    meanOrZero(prompts.train) + ((horizon - 1) / 2) * (utterance + facts.target.utterance),
  );
  const cloning = cloned === 0 ? 0 : clone.epochs;
  return {
    ...noWork,
    target,
    adversary: speakerWork(calls.flatMap((each) => [...each.adversary, ...each.adversary.map(statesOf)])),
    judgeQueries: target.queries * verdictsPerExchange,
    trainedTokens: Math.round(cloning * learnt * (context + options.planner.tokens + utterance)),
    optimizerSteps: cloning * Math.ceil(learnt / clone.batchSize) + (improve?.steps ?? 0),
  };
}

/** The calls of `count` dialogues, `batch` at a time. */
function dialogueCalls(facts: AttackLengths, count: number, batch: number, turns: number): TurnCalls {
  if (count === 0) return { adversary: [], target: [] };
  const { adversary, target, ...rest } = linearCalls(facts, 'train', null, turns, 1);
  const rows = Math.max(1, facts.adversary.prompts.train.length);
  const scale = (call: (typeof adversary)[number]): (typeof adversary)[number] => {
    const by = Math.min(batch, count) / rows;
    return {
      ...call,
      times: Math.ceil(count / batch),
      rows: call.rows * by,
      contexts: call.contexts * by,
      contextTokens: call.contextTokens * by,
      readTokens: call.readTokens * by,
      newTokens: call.newTokens * by,
    };
  };
  return { ...rest, adversary: adversary.map(scale), target: target.map(scale) };
}

/** The same contexts, read for their states alone. */
function statesOf(call: TurnCalls['adversary'][number]): TurnCalls['adversary'][number] {
  return { ...call, rows: 0, newTokens: 0, readTokens: call.contextTokens };
}
