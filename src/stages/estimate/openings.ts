/** How the dialogues of an estimate begin: which opening the n-th has, and first lines that are given. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import type { Adversary, Prompt, SpeakRequest, Utterance } from '../../dialogue/types.js';
import { type EstimateOptions, openingsFile } from '../../recipe/stages/estimate.js';
import { openingsOf } from '../../speakers/adversaries/promptList.js';
import { writtenUtterance } from '../../speakers/adversaries/written.js';
import type { LanguageModelAdversary } from '../../speakers/adversaries/languageModel.js';
import type { StageContext } from '../stageContext.js';

export interface Openings {
  /** The prompt of the n-th dialogue. */
  readonly promptOf: (draw: number) => Prompt;
  /** Dialogues with equal keys share their opening. */
  readonly keyOf: (draw: number) => string;
  /** The first line of a dialogue by its prompt's id; empty where users say it themselves. */
  readonly firstLines: ReadonlyMap<string, string>;
}

/** @throws ConfigError where there are no openings */
export async function readOpenings(
  { recipe, pool }: Pick<StageContext, 'recipe' | 'pool'>,
  { name, options }: { readonly name: string; readonly options: EstimateOptions },
): Promise<Openings> {
  const file = openingsFile(options.users);
  const lines = file === null ? [] : await pool.promptList(file);
  const prompts = file === null ? (await pool.prompts()).test : openingsOf(lines);
  if (prompts.length === 0)
    throw new ConfigError('there are no openings of dialogues', {
      where: file === null ? 'prompts.test' : `stages.${name}.users`,
      remedy: 'Check the file and the filter of the recipe.',
    });
  const order = openStream(streamKey(recipe.seed, `estimate.${name}.openings`)).shuffle(prompts.map((_, i) => i));
  const placeOf = (draw: number): number =>
    options.openings === 'sample'
      ? present(order[draw % order.length], 'a place for each dialogue')
      : openStream(streamKey(recipe.seed, `estimate.${name}.opening`, draw)).integer(prompts.length);
  const promptOf = (draw: number): Prompt => present(prompts[placeOf(draw)], 'a prompt for each place');
  return {
    promptOf,
    // Dialogues that begin with nothing have nothing in common; openings that are all there are make no two alike.
    keyOf: (draw) =>
      options.openings === 'all' || isEmpty(promptOf(draw), file) ? `draw-${String(draw)}` : promptOf(draw).id,
    firstLines: new Map(prompts.flatMap(({ id }, i) => (file === null ? [] : [[id, lines[i] ?? ''] as const]))),
  };
}

function isEmpty({ text, goal, views }: Prompt, file: string | null): boolean {
  return file === null && text === '' && goal === undefined && views === undefined;
}

/** The adversary, with the first line of each dialogue given where there is one. Such a line is not drawn. */
export function withFirstLines(
  adversary: Adversary & Partial<Pick<LanguageModelAdversary, 'model' | 'utteranceIds'>>,
  firstLines: Openings['firstLines'],
): Adversary['speak'] {
  const given = ({ dialogue }: SpeakRequest): string | undefined =>
    dialogue.turns.length === 0 ? firstLines.get(dialogue.prompt.id) : undefined;
  const write = ({ dialogue }: SpeakRequest, text: string): Utterance => {
    const { model, utteranceIds } = adversary;
    if (model === undefined || utteranceIds === undefined) return writtenUtterance(text);
    // A line of a real user may be longer than what the model is asked for.
    const ids = utteranceIds(dialogue, text, model.contextLength);
    const tokens = { tokenizerId: model.tokenizer.id, ids };
    return { author: 'adversary', text: model.tokenizer.decode(ids), tokens, finishReason: 'stop' };
  };
  return async (requests) => {
    const open = requests.filter((request) => given(request) === undefined);
    const spoken = open.length === 0 ? [] : await adversary.speak(open);
    let next = 0;
    return requests.map((request) => {
      const text = given(request);
      return text === undefined ? present(spoken[next++], 'an utterance for each request') : write(request, text);
    });
  };
}
