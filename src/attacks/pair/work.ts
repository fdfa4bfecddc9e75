/** How much work the attack `pair` is, counted before it runs: every attempt is made, its first answer can be read, and it
 *  reads a history of full length. */
import { type AdversaryChanges, promptListFile } from '../../speakers/options.js';
import { searchCalls, type SpeakerCall } from '../../speakers/calls.js';
import { noWork, speakerWork, verdictsPerExchange, type Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { affordableSteps, exchangeCost } from '../search/budget.js';
import { longestInstruction } from './instructions.js';
import type { PairOptions } from './options.js';

/** How the attacker differs from the recipe's adversary: the paper's length and draws, where the recipe says no others. */
export function attackerChanges({ attacker }: Pick<PairOptions, 'attacker'>): AdversaryChanges {
  const isList = attacker.model !== undefined && promptListFile(attacker.model) !== null;
  const draws = isList
    ? {}
    : { maxNewTokens: 500, temperature: 1, topP: 0.9, repetitionPenalty: 1, maxContextTokens: 4096 };
  return { ...draws, ...attacker };
}

const charactersPerToken = 4;

export function pairWork(options: PairOptions, facts: AttackLengths): Work {
  const { streams, iterations, history, answers, budget } = options;
  const prompts = Math.min(facts.adversary.prompts.test.length, facts.evaluated ?? Infinity);
  const { utterance, maxContext } = facts.adversary;
  const opening = Math.ceil(longestInstruction.length / charactersPerToken);
  const asked: SpeakerCall[] = [];
  let played = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const rows = affordableSteps(budget, exchangeCost(played), { wanted: streams, each: exchangeCost(1) });
    played += rows;
    const seen = Math.min(iteration, history) * (utterance + facts.target.utterance);
    const context = Math.min(opening + seen, maxContext);
    asked.push({
      times: prompts,
      rows,
      contexts: rows,
      contextTokens: rows * context,
      readTokens: rows * context,
      newTokens: rows * utterance,
    });
  }
  const target = speakerWork(searchCalls(facts, facts.evaluated, [{ rows: played, contexts: 1 }]).target);
  const { attacker } = facts;
  const work = speakerWork(asked);
  const isAsked = attacker !== null && promptListFile(attacker.model) === null;
  return {
    ...noWork,
    otherAdversaries: isAsked ? [{ speaker: attacker, work, atMost: answers * work.queries }] : [],
    target,
    judgeQueries: target.queries * verdictsPerExchange,
  };
}
