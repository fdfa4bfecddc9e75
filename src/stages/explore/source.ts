/** Opens what the texts of draws come from. Draw n depends on its number alone. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { childKey, type StreamKey, streamKey } from '../../base/random.js';
import { countSpeaker } from '../../base/spending.js';
import type { Adversary, Dialogue, Prompt, Target } from '../../dialogue/types.js';
import type { ExploreOptions } from '../../discovery/options.js';
import { type Handle, owned } from '../../models/handle.js';
import { createLanguageModelAdversary } from '../../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../../speakers/generation.js';
import { speakerOptions } from '../../speakers/speakerOptions.js';
import type { StageContext } from '../stageContext.js';

/** Returns the texts of `count` draws from `first` on. */
export type DrawTexts = (first: number, count: number) => Promise<readonly string[]>;

/** @throws ConfigError for a model without a start token, or where there are no prompts to begin with */
export async function openSource(context: StageContext, options: ExploreOptions): Promise<Handle<DrawTexts>> {
  const stream = streamKey(context.recipe.seed, 'explore');
  const own = (value: DrawTexts): Handle<DrawTexts> => owned(value, async () => {});
  if (options.from === 'start') return own(await drawFromStart(context, options, stream));
  const target = await context.pool.withSampling(samplingOf(options));
  const { train: prompts } = await context.pool.prompts();
  if (prompts.length === 0)
    throw new ConfigError('no prompts to draw from', { where: 'prompts.train', remedy: 'Give some, or from: start.' });
  const promptOf = (n: number): Prompt => present(prompts[n % prompts.length], 'a prompt');
  if (options.from === 'prompts') return own(replies(target, promptOf, stream));
  const adversary = await context.pool.openRow({ name: 'untuned', speaker: context.recipe.adversary });
  return owned(
    dialogueReplies({ adversary: adversary.value, target }, promptOf, options.turns, stream),
    adversary.close,
  );
}

/** The target speaks first, from its start token. */
async function drawFromStart(
  { recipe, pool, run }: StageContext,
  options: ExploreOptions,
  stream: StreamKey,
): Promise<DrawTexts> {
  const { model } = await pool.localTarget();
  if (model.tokenizer.bosId === null) {
    throw new ConfigError('this model has no start token', {
      where: 'stages.explore.from',
      got: recipe.target.model,
      remedy: 'Draw replies: from: prompts, or from: dialogues.',
    });
  }
  const { reasoning = 'cut' } = speakerOptions(recipe.target);
  const speaker = createLanguageModelAdversary(model, {
    name: recipe.target.model,
    format: 'plain',
    reasoning,
    sampling: samplingOf(options),
    onSpoken: countSpeaker(run.spending, 'target'),
  });
  const empty: Dialogue = { prompt: { id: 'start', text: '', conversationId: 'start' }, turns: [] };
  return async (first, count) => {
    const requests = Array.from({ length: count }, (_, i) => ({
      dialogue: empty,
      stream: childKey(stream, first + i),
    }));
    return (await speaker.speak(requests)).map(({ text }) => text);
  };
}

/** Draw n is the reply to the n-th prompt, in turn. */
function replies(target: Target, promptOf: (n: number) => Prompt, stream: StreamKey): DrawTexts {
  return async (first, count) => {
    const requests = Array.from({ length: count }, (_, i) => ({
      dialogue: asked(promptOf(first + i)),
      stream: childKey(stream, first + i),
    }));
    return (await target.reply(requests)).map(({ reply }) => reply.text);
  };
}

/** The draws of a dialogue are the target's replies in it, in order. A dialogue of which only some are asked for is played
 *  whole, and again when the others are. */
function dialogueReplies(
  { adversary, target }: { readonly adversary: Adversary; readonly target: Target },
  promptOf: (n: number) => Prompt,
  turns: number,
  stream: StreamKey,
): DrawTexts {
  return async (first, count) => {
    const begin = Math.floor(first / turns);
    const end = Math.ceil((first + count) / turns);
    let dialogues: readonly Dialogue[] = Array.from({ length: end - begin }, (_, i) => ({
      prompt: promptOf(begin + i),
      turns: [],
    }));
    for (let turn = 0; turn < turns; turn++) {
      const requestsOf = (side: 0 | 1, goesOn: boolean) =>
        dialogues.map((dialogue, i) => ({
          dialogue,
          stream: childKey(childKey(stream, begin + i), 2 * turn + side),
          goesOn,
        }));
      const utterances = await adversary.speak(requestsOf(0, true));
      dialogues = withTurn(dialogues, utterances);
      const answers = await target.reply(requestsOf(1, turn + 1 < turns));
      dialogues = withTurn(
        dialogues,
        answers.map(({ reply }) => reply),
      );
    }
    const said = dialogues.flatMap((dialogue) => dialogue.turns.filter(({ author }) => author === 'target'));
    const from = first - begin * turns;
    return said.slice(from, from + count).map(({ text }) => text);
  };
}

function withTurn(dialogues: readonly Dialogue[], turns: readonly Dialogue['turns'][number][]): readonly Dialogue[] {
  return dialogues.map((dialogue, i) => ({
    ...dialogue,
    turns: [...dialogue.turns, present(turns[i], 'a turn for each dialogue')],
  }));
}

/** The prompt's text as what the target answers. */
function asked({ id, text, conversationId, views }: Prompt): Dialogue {
  const prompt = { id, text: '', conversationId, ...(views === undefined ? {} : { views }) };
  return { prompt, turns: [{ author: 'adversary', text, tokens: null, finishReason: 'stop' }] };
}

function samplingOf({
  temperature,
  topK,
  topP,
  repetitionPenalty,
  noRepeatNgram,
  maxNewTokens,
}: ExploreOptions): SpeakerSampling {
  return { temperature, topK, topP, repetitionPenalty, noRepeatNgram, maxNewTokens, minNewTokens: 0, minP: 0 };
}
