/** Rules of a recipe about speakers that are not models on this machine: what they need, what they cannot give, what
 *  they do not take. */
import type { AttackNeed } from '../attacks/attack.js';
import type { BrokenRule } from '../base/brokenRule.js';
import { logProbTerms } from '../dialogue/reward.js';
import { recipeJudges, recipeSpeakers, type Recipe, type RecipeStage } from './recipe.js';
import { secretRules } from './secretRules.js';
import { isRemoteJudge, type JudgeOptions } from '../speakers/judges/options.js';
import { speakerKind } from '../speakers/options.js';

export function remoteRules(recipe: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  return [
    ...secretRules(recipe),
    ...recipeSpeakers(recipe).flatMap(keyRules),
    ...partRules(recipe, stages),
    ...trainerRules(recipe, stages),
    ...priceRules(recipe),
    ...rewardRules(recipe, stages),
    ...needRules(recipe, stages),
  ];
}

function keyRules({ role, path, speaker }: ReturnType<typeof recipeSpeakers>[number]): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  const broken = (key: string, message: string, remedy: string | null = null): void =>
    void out.push({ path: [...path, key], message, remedy });
  const kind = speakerKind(speaker.model);
  for (const key of ['baseUrl', 'apiKeyEnv'] as const)
    if (speaker[key] !== undefined && kind !== 'openai') broken(key, 'only openai: models have this');
  if (speaker.remote !== undefined && kind !== 'openai' && kind !== 'http')
    broken('remote', 'only openai: and http: models have this');
  if (kind === 'openai' && speaker.baseUrl === undefined)
    broken('baseUrl', 'missing: where is the endpoint?', 'give it, such as http://127.0.0.1:8000/v1');
  if (kind === 'http' && role !== 'adversary' && speaker.http === undefined)
    broken('http', 'missing: what does the service take and answer?', 'give http: { url, body, reply }');
  if (kind !== 'http' && speaker.http !== undefined)
    broken('http', 'only http: targets have this', 'name the model http:NAME');
  if (
    speaker.http !== undefined &&
    !/\{\{\s*(utterance|messages|text)\s*\}\}/.test(JSON.stringify(speaker.http.body))
  ) {
    out.push({
      path: [...path, 'http', 'body'],
      message: 'nothing of the dialogue is sent',
      remedy: 'put {{utterance}}, {{messages}} or {{text}} in it',
    });
  }
  if (kind === 'openai' || kind === 'http') {
    const unsent = [
      ['topK', speaker.topK !== 0],
      ['minP', speaker.minP !== 0],
      ['repetitionPenalty', ![1, 1.1].includes(speaker.repetitionPenalty)],
      ['minNewTokens', speaker.minNewTokens > 2],
    ] as const;
    for (const [key, isSet] of unsent)
      if (isSet)
        broken(
          key,
          'a remote model is not sent this',
          'leave it out; where the server knows such a field, give it in remote.extraBody',
        );
  }
  return out;
}

/** Checks which speaker can take which part. */
function partRules(recipe: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const { adversary, reference } = recipe;
  const out: BrokenRule[] = [];
  for (const { role, path, speaker } of recipeSpeakers(recipe)) {
    if (role === 'adversary' && speakerKind(speaker.model) === 'http')
      out.push({
        path: [...path, 'model'],
        message: 'only targets can be http: services',
        remedy: 'name an openai: endpoint, a local model or prompts:FILE',
      });
    if (role === 'adversary' || speakerKind(speaker.model) !== 'prompts') continue;
    out.push({
      path: [...path, 'model'],
      message: 'a list of prompts answers nothing',
      remedy: role === 'target' ? 'name it as the adversary' : 'give candidates.answers or candidates.borrow',
    });
  }
  const changes = stages.find(({ traits }) => ['trains', 'steers'].includes(traits.attack?.adversary ?? 'none'));
  if (changes !== undefined && speakerKind(adversary.model) !== 'local') {
    out.push({
      path: ['adversary', 'model'],
      message: `the stage ${changes.name} ${changes.traits.attack?.adversary ?? ''} the adversary, so it must be a model on this machine`,
      remedy: 'name one, or leave only evaluate',
    });
  }
  if (reference !== null && speakerKind(reference) !== 'local')
    out.push({ path: ['reference'], message: 'a reference is a model on this machine', remedy: null });
  return out;
}

/** A trainer elsewhere trains an adapter of its own, by log-probabilities alone. */
function trainerRules({ adversary }: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  if (adversary.trainer === null) return [];
  return [
    ...(adversary.lora === null
      ? []
      : [
          {
            path: ['adversary', 'lora'],
            message: 'the trainer elsewhere makes the adapter',
            remedy: 'leave it out, and give adversary.trainer.rank',
          },
        ]),
    ...stages
      .filter(({ traits }) => traits.attack?.trainsValueHead === true)
      .map(({ kind, index, name }) => ({
        path: ['stages', index, kind, 'attack'],
        message: `${name} trains a value head, and a trainer elsewhere trains an adapter alone`,
        remedy: 'use rloo, or leave out adversary.trainer',
      })),
  ];
}

/** A limit in dollars counts nothing where prices are unknown. */
function priceRules(recipe: Recipe): readonly BrokenRule[] {
  if (recipe.limits.maxCost === null) return [];
  const judges = recipeJudges(recipe).flatMap(({ path, judge }) => unpricedJudges(path, judge));
  const speakers = recipeSpeakers(recipe).flatMap(({ path, speaker }): readonly BrokenRule[] => {
    const kind = speakerKind(speaker.model);
    if (kind !== 'openai' && kind !== 'http') return [];
    const { http } = speaker;
    if (speaker.remote?.prices == null) {
      return [unknownPrices(path, speaker.model)];
    }
    if (kind === 'http' && http?.tokens == null) {
      return [
        {
          path: ['limits', 'maxCost'],
          message: `the tokens of ${speaker.model} are not counted, so its cost cannot be limited`,
          remedy: `give ${path.join('.')}.http.tokens, or limit maxTokens`,
        },
      ];
    }
    return [];
  });
  const { trainer } = recipe.adversary;
  const elsewhere = trainer !== null && trainer.prices === null ? [unknownTrainerPrices] : [];
  return [...speakers, ...judges, ...elsewhere];
}

/** Returns a broken rule per remote judge without prices: the judge itself, or a member of it. */
function unpricedJudges(
  path: BrokenRule['path'],
  { model, remote, members = [] }: Pick<JudgeOptions, 'model' | 'remote' | 'members'>,
): readonly BrokenRule[] {
  return [
    ...(isRemoteJudge(model) && remote?.prices == null ? [unknownPrices(path, model)] : []),
    ...members.flatMap((member, i) => unpricedJudges([...path, 'members', i], member)),
  ];
}

const unknownTrainerPrices: BrokenRule = {
  path: ['limits', 'maxCost'],
  message: 'the prices of the trainer are not known, so its cost cannot be limited',
  remedy: 'give adversary.trainer.prices: { forward, train }, or limit maxSteps',
};

function unknownPrices(path: BrokenRule['path'], model: string): BrokenRule {
  return {
    path: ['limits', 'maxCost'],
    message: `the prices of ${model} are not known, so its cost cannot be limited`,
    remedy: `give ${path.join('.')}.remote.prices: { input, output }, or limit maxTokens`,
  };
}

/** Lists the needs that a target certainly cannot meet. An endpoint's abilities are asked when the run begins. */
function rewardRules({ target }: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const kind = speakerKind(target.model);
  const textOnly = kind === 'http' || (kind === 'openai' && target.remote?.promptLogProbs === 'none');
  if (!textOnly) return [];
  return stages.flatMap(({ kind: stageKind, index, traits: { reward } }) => {
    if (reward === null) return [];
    return logProbTerms
      .filter((term) => (reward[term] ?? 0) !== 0)
      .map((term) => ({
        path: ['stages', index, stageKind, 'reward', term],
        message: `${target.model} gives no log-probabilities, which this term is made of`,
        remedy: `set ${term}: 0, or name a target that scores text`,
      }));
  });
}

/** Checks that the target can meet an attack's needs, and that the attack can prompt the adversary. */
function needRules({ target, adversary }: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const given = targetGives(target);
  return stages.flatMap(({ kind, index, name, traits: { attack } }): readonly BrokenRule[] => {
    if (attack === null) return [];
    const path = ['stages', index, kind, 'attack'];
    const missing = attack.needs.filter((need) => !given.has(need));
    // An attack with an attacker of its own says itself whether that may be a list.
    const speaks =
      speakerKind(adversary.model) !== 'prompts' ||
      attack.adversary !== 'prompts' ||
      attack.attacker?.model !== undefined;
    return [
      ...missing.map((need) => ({
        path,
        message: `${attack.name} needs ${needWords[need]}, and ${target.model} does not give ${need === 'logProbs' ? 'them' : 'it'}`,
        remedy: needRemedies[need],
      })),
      ...(speaks
        ? []
        : [
            {
              path: ['adversary', 'model'],
              message: `the stage ${name} prompts the adversary, and a list of prompts takes no prompt`,
              remedy: 'name a model',
            },
          ]),
    ];
  });
}

const needWords: Readonly<Record<AttackNeed, string>> = {
  text: 'the target’s text',
  logProbs: 'log-probabilities of given text',
  weights: 'the target’s own model',
};

const needRemedies: Readonly<Record<AttackNeed, string>> = {
  text: 'name another target',
  logProbs: 'name a target that scores text: a model on this machine, or an endpoint with prompt_logprobs or echo',
  weights: 'name a model on this machine as the target',
};

function targetGives({ model, remote }: Recipe['target']): ReadonlySet<AttackNeed> {
  const kind = speakerKind(model);
  if (kind === 'local') return new Set(['text', 'logProbs', 'weights']);
  return new Set(kind === 'openai' && remote?.promptLogProbs !== 'none' ? ['text', 'logProbs'] : ['text']);
}
