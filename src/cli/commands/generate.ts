/** `gadfly generate`: continuations of prompts by a local model. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import type { GenerateRequest } from '../../engine/models/generate.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { HostTensor } from '../../engine/runtime/hostTensor.js';
import { chatIds } from '../../engine/text/chatTemplate.js';
import { baseFlag, numberFlag, textFlag } from '../command.js';
import type { CommandDefinition, FlagValues } from '../command.js';
import { showText } from '../showText.js';
import { readTexts } from '../textFiles.js';

export const generateCommand: CommandDefinition = {
  name: 'generate',
  summary: 'continue prompts with a local model',
  flags: [
    { flags: '--model <model>', summary: 'organism, smollm2, ./dir, ./file.gguf or hf:org/name' },
    baseFlag,
    { flags: '--prompt <text>', summary: 'a prompt' },
    { flags: '--prompts <file>', summary: 'a file of prompts, one per line' },
    { flags: '--n <n>', summary: 'continuations per prompt', parse: 'count', default: 1 },
    { flags: '--max-new-tokens <n>', summary: 'maximum number of tokens', parse: 'count', default: 64 },
    { flags: '--min-new-tokens <n>', summary: 'minimum number of tokens', parse: 'countFromZero', default: 0 },
    { flags: '--temperature <x>', summary: '0 is greedy', parse: 'number', default: 1 },
    { flags: '--top-p <x>', summary: 'share of the probability to draw from; 1 is off', parse: 'number', default: 1 },
    { flags: '--top-k <n>', summary: 'tokens to draw from; 0 is off', parse: 'countFromZero', default: 0 },
    {
      flags: '--min-p <x>',
      summary: 'least probability relative to the likeliest token; 0 is off',
      parse: 'number',
      default: 0,
    },
    { flags: '--repetition-penalty <x>', summary: '1 is off', parse: 'number', default: 1 },
    { flags: '--greedy', summary: 'always the likeliest token; the same as --temperature 0' },
    { flags: '--chat', summary: 'the prompt is a user’s message in the model’s chat template' },
    { flags: '--planner <dir>', summary: 'a planner that steers the model: models/NAME of a run of the attack dat' },
    { flags: '--seed <n>', summary: 'the same seed gives the same text', parse: 'integer', default: 0 },
  ],
  examples: [
    'gadfly generate --model organism --prompt "hello there"',
    'gadfly generate --model smollm2 --chat --prompt "Name a colour." --greedy --json',
  ],
  run: async (_argument, flags, context) => {
    const modelId = modelFlag(flags);
    const prompts = await promptsOf(flags, context.log);
    const sampling = samplingOf(flags);
    const { withModel } = await import('../openModel.js');
    const { generate } = await import('../../engine/models/generate.js');
    return withModel({ modelId, base: textFlag(flags, 'base') }, context, 'generate', async (model) => {
      const chat = flags['chat'] === true;
      const whereOf = (i: number): string => (prompts.length === 1 ? 'the prompt' : `prompt ${i + 1}`);
      const contexts = prompts.map((prompt, i) => promptIds(model, prompt, { chat, where: whereOf(i), newTokens: 1 }));
      const n = numberFlag(flags, 'n') ?? 1;
      const seed = numberFlag(flags, 'seed') ?? 0;
      const requests = contexts.flatMap((ids, i) =>
        Array.from({ length: n }, (_, k) => ({ ids, stream: streamKey(seed, 'generate', i, k) })),
      );
      const steered = await steerRequests(model, requests, textFlag(flags, 'planner'));
      const outcomes = await generate(model, steered.requests, {
        ...sampling,
        stopIds: model.tokenizer.endIds,
        stopStrings: [],
        soft: steered.soft,
      });
      const results = prompts.map((prompt, i) => ({
        prompt,
        completions: outcomes.slice(i * n, (i + 1) * n).map(({ text, ids, logProbs, finishReason }) => ({
          text,
          tokenIds: [...ids],
          logProbs: [...logProbs],
          finishReason,
        })),
      }));
      const text = results
        .flatMap(({ prompt, completions }) => [
          `▸ ${showText(prompt)}`,
          ...completions.map((completion) => `  ${showText(completion.text, 4000)}`),
        ])
        .join('\n');
      return { json: { model: modelId, results }, text };
    });
  },
};

/** Puts the tokens of a planner into every context; without one they stay as they are. */
async function steerRequests(
  model: LanguageModel,
  requests: readonly GenerateRequest[],
  folder: string | undefined,
): Promise<{ readonly requests: readonly GenerateRequest[]; readonly soft?: HostTensor }> {
  if (folder === undefined) return { requests };
  const { openSteering } = await import('../../learning/planner/openSteering.js');
  const { steering, close } = await openSteering(model, folder);
  const { ids, soft } = await steering.steer(
    requests.map((request) => ({ ids: request.ids, lastUtterance: null })),
    requests.map(({ stream }) => ({ dialogue: { turns: [] }, stream })),
  );
  await close();
  return {
    requests: requests.map((request, i) => ({ ...request, ids: present(ids[i], 'a context per request') })),
    soft,
  };
}

export function modelFlag(flags: FlagValues): string {
  const modelId = textFlag(flags, 'model');
  if (modelId === undefined)
    throw new ConfigError('no model is named', {
      expected: '--model organism, smollm2, ./dir, ./file.gguf or hf:org/name',
    });
  return modelId;
}

async function promptsOf(flags: FlagValues, log: (line: string) => void): Promise<readonly string[]> {
  const [prompt, file] = [textFlag(flags, 'prompt'), textFlag(flags, 'prompts')];
  if ((prompt === undefined) === (file === undefined)) {
    throw new ConfigError(prompt === undefined ? 'nothing to continue' : 'the prompt is given twice', {
      expected: 'one of --prompt and --prompts',
    });
  }
  return prompt === undefined ? readTexts(file ?? '', 'prompt', log) : [prompt];
}

function samplingOf(flags: FlagValues) {
  const given = numberFlag(flags, 'temperature');
  if (flags['greedy'] === true && given !== undefined && given !== 0) {
    throw new ConfigError('two flags contradict each other', {
      where: '--greedy',
      expected: 'no --temperature beside it',
      got: `--temperature ${given}`,
      remedy: 'Leave one of them away.',
    });
  }
  const temperature = flags['greedy'] === true ? 0 : (given ?? 1);
  const topP = numberFlag(flags, 'topP') ?? 1;
  const minP = numberFlag(flags, 'minP') ?? 0;
  const repetitionPenalty = numberFlag(flags, 'repetitionPenalty') ?? 1;
  const maxNewTokens = numberFlag(flags, 'maxNewTokens') ?? 64;
  const minNewTokens = numberFlag(flags, 'minNewTokens') ?? 0;
  if (topP <= 0 || topP > 1)
    throw new ConfigError('out of range', { where: '--top-p', expected: 'above 0, at most 1', got: String(topP) });
  if (minP > 1) throw new ConfigError('out of range', { where: '--min-p', expected: 'at most 1', got: String(minP) });
  if (repetitionPenalty <= 0)
    throw new ConfigError('out of range', {
      where: '--repetition-penalty',
      expected: 'above 0',
      got: String(repetitionPenalty),
    });
  if (minNewTokens > maxNewTokens)
    throw new ConfigError('out of range', {
      where: '--min-new-tokens',
      expected: `at most --max-new-tokens (${maxNewTokens})`,
      got: String(minNewTokens),
    });
  return {
    temperature,
    topP,
    topK: numberFlag(flags, 'topK') ?? 0,
    minP,
    repetitionPenalty,
    minNewTokens,
    maxNewTokens,
  };
}

/** The ids that the model continues. @throws ConfigError when there are none, or too many for the model */
export function promptIds(
  model: LanguageModel,
  prompt: string,
  options: { readonly chat: boolean; readonly where: string; readonly newTokens: number },
): readonly number[] {
  const { chat, where, newTokens } = options;
  const { tokenizer, chatTemplate } = model;
  if (chat && chatTemplate === null)
    throw new ConfigError('this model has no chat template', {
      where: '--chat',
      got: model.name,
      remedy: 'Leave --chat away.',
    });
  const ids =
    chat && chatTemplate !== null
      ? chatIds({ tokenizer, chatTemplate }, [{ role: 'user', content: prompt }], { addGenerationPrompt: true })
      : tokenizer.encode(prompt);
  const withStart = ids.length === 0 && tokenizer.bosId !== null ? [tokenizer.bosId] : ids;
  refuseLength(model, withStart.length, newTokens, where);
  return withStart;
}

/** @throws ConfigError for a prompt that is empty, or that leaves no room for `newTokens` more */
export function refuseLength(model: LanguageModel, length: number, newTokens: number, where: string): void {
  if (length === 0) {
    throw new ConfigError(
      'the prompt is empty, and this model has no start token: the first token would have no probability',
      { where, expected: 'at least one token' },
    );
  }
  if (length + newTokens <= model.contextLength) return;
  throw new ConfigError('too long for this model', {
    where,
    expected: `at most ${model.contextLength} tokens`,
    got: `${length} tokens of prompt and ${newTokens} more`,
    remedy: 'Shorten it.',
  });
}
