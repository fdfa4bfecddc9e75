/** Rules of a recipe that reach across keys. Each broken one names the key to change. */
import type { BrokenRule } from './brokenRule.js';
import { mendRules } from './mendRules.js';
import { nearest } from '../base/nearest.js';
import { recipeSpeakers, recipeStages, stagesLeftOut, untunedRow } from './recipe.js';
import type { Recipe, RecipeStage } from './recipe.js';
import { remoteRules } from './remoteRules.js';
import { speakerKind, type SpeakerOptions } from '../speakers/options.js';

export function recipeRules(recipe: Recipe): readonly BrokenRule[] {
  const stages = recipeStages(recipe);
  return [
    ...recipeSpeakers(recipe).flatMap(({ path, speaker }) => speakerRules(path, speaker)),
    ...remoteRules(recipe, stages),
    ...promptRules(recipe, stages),
    ...nameRules(stages),
    ...mendRules(recipe, stages),
    ...stages.flatMap((stage) => stageRules(stage, [...stages, ...stagesLeftOut(recipe)])),
  ];
}

function speakerRules(path: BrokenRule['path'], speaker: SpeakerOptions): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  if (speaker.minNewTokens > speaker.maxNewTokens) {
    out.push({
      path: [...path, 'minNewTokens'],
      message: `must not exceed maxNewTokens (${speaker.maxNewTokens})`,
      remedy: null,
    });
  }
  const chats =
    speaker.format === 'chat' ||
    (speaker.format === undefined && ['openai', 'http'].includes(speakerKind(speaker.model)));
  if (speaker.system !== undefined && !chats) {
    out.push({
      path: [...path, 'system'],
      message: 'only the chat format has a system instruction',
      remedy: 'set format: chat',
    });
  }
  return out;
}

function promptRules({ prompts, adversary }: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  if (speakerKind(adversary.model) === 'prompts' && prompts.data == null && prompts.test === undefined) return out;
  const parts = ['train', 'dev', 'test'] as const;
  if (prompts.data !== undefined && prompts.data !== null) {
    for (const key of parts)
      if (prompts[key] !== undefined)
        out.push({
          path: ['prompts', key],
          message: 'given beside prompts.data',
          remedy: 'give either data with split, or data: null with train, dev and test',
        });
    const { train, dev, test } = prompts.split;
    if (train + dev + test > 1 + 1e-9)
      out.push({
        path: ['prompts', 'split'],
        message: `the shares add up to ${(train + dev + test).toFixed(3)}, more than 1`,
        remedy: null,
      });
    return out;
  }
  const needed = new Map<(typeof parts)[number], string>();
  for (const stage of stages) {
    if (stage.kind === 'evaluate') needed.set('test', 'evaluate');
    else if (stage.kind === 'exploit' && stage.options.attack === 'ipo') {
      needed.set('train', `exploit (${stage.name})`);
      if (stage.options.devEvery > 0)
        needed.set('dev', `exploit (${stage.name}) with devEvery ${stage.options.devEvery}`);
    }
  }
  for (const [key, stage] of needed) {
    if (prompts[key] === undefined)
      out.push({
        path: ['prompts', key],
        message: `missing: the stage ${stage} needs it`,
        remedy: 'give it, or prompts.data, which is split',
      });
  }
  return out;
}

function nameRules(stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  const seen = new Set<string>();
  for (const stage of stages) {
    if (stage.kind === 'evaluate' ? seen.has('evaluate') : seen.has(stage.name)) {
      out.push(
        stage.kind === 'evaluate'
          ? {
              path: ['stages', stage.index],
              message: 'a recipe evaluates once',
              remedy: 'name all rows in one evaluate stage',
            }
          : {
              path: ['stages', stage.index, 'exploit'],
              message: `a second stage is called '${stage.name}'`,
              remedy: 'give it a name: of its own',
            },
      );
    }
    if (stage.kind === 'exploit' && (stage.name === untunedRow || stage.name === 'evaluate')) {
      out.push({
        path: ['stages', stage.index, 'exploit', 'name'],
        message: `'${stage.name}' is taken`,
        remedy: 'choose another name',
      });
    }
    seen.add(stage.name);
  }
  return out;
}

function stageRules(
  stage: RecipeStage,
  others: readonly { readonly name: string; readonly index: number }[],
): readonly BrokenRule[] {
  if (stage.kind === 'exploit') {
    if (stage.options.attack !== 'ipo' || stage.options.branch <= stage.options.candidates) return [];
    return [
      {
        path: ['stages', stage.index, 'exploit', 'branch'],
        message: `must not exceed candidates (${stage.options.candidates})`,
        remedy: null,
      },
    ];
  }
  if (stage.kind === 'mend') return [];
  const known = [untunedRow, ...others.filter((other) => other.index < stage.index).map(({ name }) => name)];
  return (stage.options.rows ?? []).flatMap((row, i): readonly BrokenRule[] => {
    if (known.includes(row)) return [];
    const close = nearest(row, known);
    return [
      {
        path: ['stages', stage.index, 'evaluate', 'rows', i],
        message: `no earlier stage trains '${row}'`,
        remedy: close === null ? `known: ${known.join(', ')}` : `did you mean '${close}'?`,
      },
    ];
  });
}
