/** Rules of a recipe about what its target can be explored from. */
import type { BrokenRule } from '../base/brokenRule.js';
import { speakerKind } from '../speakers/options.js';
import { type Recipe, stagesOfKind, startSources } from './recipe.js';

export function exploreRules(recipe: Recipe): readonly BrokenRule[] {
  return [...replyRules(recipe), ...remoteRules(recipe)];
}

/** A target replies to a prompt that has text. */
function replyRules(recipe: Recipe): readonly BrokenRule[] {
  const isEmpty = startSources(recipe).some((key) => key === 'train' || key === 'data');
  if (!isEmpty) return [];
  return stagesOfKind(recipe, 'explore').flatMap(({ index, options }): readonly BrokenRule[] =>
    options.from === 'prompts'
      ? [
          {
            path: ['stages', index, 'explore', 'from'],
            message: 'the training prompts are dialogues that begin with nothing: there is nothing to reply to',
            remedy: 'set from: start, or from: dialogues',
          },
        ]
      : [],
  );
}

/** A target that is not on this machine gives less. */
function remoteRules(recipe: Recipe): readonly BrokenRule[] {
  if (speakerKind(recipe.target.model) === 'local') return [];
  return stagesOfKind(recipe, 'explore').flatMap(({ index, options }) => {
    const { from, topK, noRepeatNgram, repetitionPenalty, embed } = options;
    const rules = [
      [
        'from',
        from === 'start',
        'a remote model has no start token to begin from',
        'set from: prompts, or from: dialogues',
      ],
      ['topK', topK !== 0, 'a remote model is not sent this', 'set it to 0'],
      ['noRepeatNgram', noRepeatNgram !== 0, 'a remote model is not sent this', 'set it to 0'],
      ['repetitionPenalty', repetitionPenalty !== 1, 'a remote model is not sent this', 'leave it out'],
      [
        'embed',
        embed.model === null,
        'the states of a remote model are not known',
        'name a model on this machine: embed: { model: … }',
      ],
    ] as const;
    return rules.flatMap(([key, isBroken, message, remedy]): readonly BrokenRule[] =>
      isBroken ? [{ path: ['stages', index, 'explore', key], message, remedy }] : [],
    );
  });
}
