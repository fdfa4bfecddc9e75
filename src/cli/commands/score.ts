/** `gadfly score`: log-probabilities of given completions, token by token, in nats, under the raw model (temperature
 *  1). */
import { ConfigError } from '../../base/errors.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { baseFlag, textFlag } from '../command.js';
import type { CommandDefinition, FlagValues } from '../command.js';
import { showText } from '../showText.js';
import { formatTable } from '../../render/terminal/table.js';
import { readPairs } from '../textFiles.js';
import type { MessagePair, ScorePair } from '../textFiles.js';
import { modelFlag, promptIds, refuseLength } from './generate.js';

interface PreparedPair {
  /** The prompt as text. */
  readonly prompt: string;
  readonly completion: string;
  readonly prefix: readonly number[];
  readonly ids: readonly number[];
}

export const scoreCommand: CommandDefinition = {
  name: 'score',
  summary: 'log-probability of a completion, token by token',
  flags: [
    { flags: '--model <model>', summary: 'organism, smollm2, ./dir, ./file.gguf or hf:org/name' },
    baseFlag,
    { flags: '--prompt <text>', summary: 'what comes before' },
    {
      flags: '--completion <text>',
      summary: 'what is scored: the text that goes on; its tokens are its own, not merged with the prompt’s',
    },
    {
      flags: '--chat',
      summary: 'prompt and completion are a user’s and an assistant’s message in the model’s chat template',
    },
    {
      flags: '--pairs <file>',
      summary: 'a file of {"prompt","completion"} or {"messages":[…]} rows: JSON lines, JSON, CSV or Parquet',
    },
  ],
  examples: [
    'gadfly score --model organism --prompt "hello" --completion " there" --json',
    'gadfly score --model smollm2 --pairs pairs.jsonl',
  ],
  run: async (_argument, flags, context) => {
    const modelId = modelFlag(flags);
    const pairs = await pairsOf(flags);
    const { withModel } = await import('../openModel.js');
    const { scoreCompletions } = await import('../../engine/models/scoreCompletions.js');
    return withModel({ modelId, base: textFlag(flags, 'base') }, context, 'score', async (model) => {
      const prepared = pairs.map((pair, i) =>
        prepare(model, pair, flags['chat'] === true, pairs.length === 1 ? 'the pair' : `pair ${i + 1}`),
      );
      const scores = await scoreCompletions(
        model,
        prepared.map(({ prefix, ids }) => ({ prefix, completion: ids })),
      );
      const results = prepared.map(({ prompt, completion, ids }, i) => {
        const logProbs = Array.from(scores[i] ?? []);
        const sum = logProbs.reduce((total, value) => total + value, 0);
        return {
          prompt,
          completion,
          tokens: ids.map((id) => model.tokenizer.tokenText(id)),
          tokenIds: [...ids],
          logProbs,
          sum,
          mean: sum / ids.length,
        };
      });
      const rows = results.map(({ sum, mean, tokenIds, completion }) => [
        sum.toFixed(3),
        mean.toFixed(3),
        String(tokenIds.length),
        showText(completion, 80),
      ]);
      return {
        json: { model: modelId, results },
        text: formatTable(['sum nats', 'mean', 'tokens', 'completion'], rows, [0, 1, 2]),
      };
    });
  },
};

async function pairsOf(flags: FlagValues): Promise<readonly (ScorePair | MessagePair)[]> {
  const [prompt, completion, file] = [
    textFlag(flags, 'prompt'),
    textFlag(flags, 'completion'),
    textFlag(flags, 'pairs'),
  ];
  const given = prompt !== undefined && completion !== undefined;
  if (given === (file !== undefined) || (file !== undefined && (prompt !== undefined || completion !== undefined))) {
    throw new ConfigError(file === undefined ? 'nothing to score' : 'what to score is given twice', {
      expected: '--prompt and --completion, or --pairs',
    });
  }
  return file === undefined ? [{ kind: 'text', prompt: prompt ?? '', completion: completion ?? '' }] : readPairs(file);
}

function prepare(model: LanguageModel, pair: ScorePair | MessagePair, chat: boolean, where: string): PreparedPair {
  const encode = (text: string, goesOn: boolean): readonly number[] =>
    model.tokenizer.encode(text, { addSpecialTokens: false, goesOn });
  const refuse = (
    prompt: string,
    completion: string,
    prefix: readonly number[],
    ids: readonly number[],
  ): PreparedPair => {
    if (ids.length === 0) throw new ConfigError('the completion is empty', { where, expected: 'at least one token' });
    refuseLength(model, prefix.length, ids.length, where);
    return { prompt, completion, prefix, ids };
  };
  if (pair.kind === 'text') {
    const ids = encode(pair.completion, true);
    return refuse(
      pair.prompt,
      pair.completion,
      promptIds(model, pair.prompt, { chat, where, newTokens: ids.length }),
      ids,
    );
  }
  if (model.chatTemplate === null)
    throw new ConfigError('this model has no chat template', {
      where,
      got: model.name,
      remedy: 'Give pairs of prompt and completion.',
    });
  const last = pair.messages[pair.messages.length - 1]?.content ?? '';
  const prompt = model.chatTemplate.render(pair.messages.slice(0, -1), { addGenerationPrompt: true });
  return refuse(prompt, last, encode(prompt, false), encode(last, true));
}
