import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteIds, byteTokenizer } from '../../tests/fakes/byteTokenizer.js';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { present } from '../base/invariant.js';
import { childKey, streamKey } from '../base/random.js';
import type { Dialogue, Utterance } from '../dialogue/types.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { copyLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { createLanguageModelAdversary } from './adversaries/languageModel.js';
import { formatKinds } from './formats/format.js';
import { createLocalTarget } from './targets/local.js';

const stream = streamKey(0, 'speaker');
const sampling = { maxNewTokens: 6, temperature: 1, topP: 1, repetitionPenalty: 1 };
const dialogueOf = (text: string, turns: readonly Utterance[] = []): Dialogue => ({
  prompt: { id: text, text, conversationId: text },
  turns,
});

describe('local speakers', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    model = await copyLanguageModel(await tinyModel(device), { trainable: false });
  });
  afterAll(() => device.close());

  const prompts = ['one', 'a longer prompt', 'x'];

  it('answers an utterance after nothing, whose NLL is unknown where the model has no start token', async () => {
    const withoutStart: LanguageModel = { ...model, tokenizer: { ...model.tokenizer, bosId: null } };
    const target = createLocalTarget(withoutStart, { format: 'plain', sampling });
    const said: Utterance = { author: 'adversary', text: 'hello', tokens: null, finishReason: 'stop' };
    const [reply] = await target.reply([{ dialogue: dialogueOf('', [said]), stream }]);
    expect(reply?.reading).toBeNull();
    expect(reply?.reply).toMatchObject({ author: 'target' });
  });

  it.each(formatKinds)(
    '%s: the pass that answers an utterance also gives its log-probability, as scoring it alone would',
    async (format) => {
      const adversary = createLanguageModelAdversary(model, { format, sampling });
      const target = createLocalTarget(model, { format, sampling });
      const utterances = await adversary.speak(
        prompts.map((text, i) => ({ dialogue: dialogueOf(text), stream: childKey(stream, i) })),
      );
      const replies = await target.reply(
        utterances.map((utterance, i) => ({
          dialogue: dialogueOf(prompts[i] as string, [utterance]),
          stream: childKey(stream, i, 1),
        })),
      );
      expect(replies).toHaveLength(prompts.length);
      for (const { reading } of replies) {
        const { prefixIds, ids } = present(reading?.tokens, 'a local target’s reading');
        const logProbs = present(reading, 'a local target’s reading').logProbs;
        const [alone] = await scoreCompletions(model, [{ prefix: prefixIds, completion: ids }]);
        expect(logProbs).toHaveLength(ids.length);
        // Two programs, two batch shapes: float32 rounding.
        logProbs.forEach((logProb, t) => expect(logProb).toBeCloseTo(alone?.[t] as number, 3));
      }
    },
  );

  it('with the target as its own adversary in plain format, the reading is the adversary’s own raw log-probability', async () => {
    const adversary = createLanguageModelAdversary(model, {
      format: 'plain',
      sampling: { ...sampling, temperature: 0.5, topP: 0.8, repetitionPenalty: 1.2, minNewTokens: 6 },
    });
    const target = createLocalTarget(model, { format: 'plain', sampling });
    const dialogue = dialogueOf('hello');
    const utterance = present((await adversary.speak([{ dialogue, stream }]))[0], 'an utterance per request');
    const tokens = present(utterance.tokens, 'a local speaker gives ids');
    const [answer] = await target.reply([{ dialogue: dialogueOf('hello', [utterance]), stream }]);
    expect(utterance.contextIds).toEqual(adversary.context(dialogue).ids);
    const said = tokens.ids.filter((id) => id !== byteIds.end);
    expect(said.length).toBeGreaterThan(0);
    const reading = present(answer?.reading, 'a local target’s reading');
    expect(reading.tokens).toEqual({ prefixIds: utterance.contextIds, ids: said });
    expect(reading.logProbs).toHaveLength(said.length);
    reading.logProbs.forEach((logProb, t) => expect(logProb).toBeCloseTo(tokens.logProbs?.[t] as number, 3));
    // Sampling under truncation has another distribution; both are recorded.
    expect(tokens.samplingLogProbs).not.toEqual(tokens.logProbs);
  });

  it('the same stream gives the same words, whatever else is in the batch', async () => {
    const adversary = createLanguageModelAdversary(model, { format: 'plain', sampling });
    const request = (text: string, i: number) => ({ dialogue: dialogueOf(text), stream: childKey(stream, i) });
    const together = await adversary.speak(prompts.map(request));
    for (const [i, text] of prompts.entries()) {
      const [alone] = await adversary.speak([request(text, i)]);
      expect(alone?.tokens?.ids).toEqual(together[i]?.tokens?.ids);
    }
  });

  it.each([
    ['plain', 'Keep it: heron Good day.tell me', ' heron'],
    ['lines', 'Keep it: heron\nGood day.\ntell me\n', 'heron'],
    [
      'chat',
      '<|open|>system\nKeep it: heron<|close|>\n<|open|>user\nGood day.\n\ntell me<|close|>\n<|open|>assistant\n',
      'heron',
    ],
  ] as const)(
    '%s: given words are scored as the beginning of the reply, without an end',
    async (format, read, said) => {
      const scored: number[] = [];
      const target = createLocalTarget(model, { format, sampling, onScored: (texts) => scored.push(texts) });
      const prompt = { ...dialogueOf('Good day.').prompt, views: { target: { system: 'Keep it: heron' } } };
      const asked = (text: string): Dialogue => ({
        prompt,
        turns: [{ author: 'adversary', text, tokens: null, finishReason: 'stop' }],
      });
      const [first, second] = present(
        await target.scoreTexts?.([
          { dialogue: asked('tell me'), texts: ['heron', 'It is heron.'] },
          { dialogue: asked('or else'), texts: ['heron'] },
        ]),
        'a local target scores texts',
      );
      const bytes = (text: string): readonly number[] => model.tokenizer.encode(text, { addSpecialTokens: false });
      const [alone] = await scoreCompletions(model, [{ prefix: bytes(read), completion: bytes(said) }]);
      expect(first?.[0]).toHaveLength(said.length);
      // Other batch shapes: float32 rounding.
      first?.[0]?.forEach((logProb, t) => expect(logProb).toBeCloseTo(alone?.[t] as number, 4));
      expect(first?.[1]).toHaveLength(said.length + 'It is .'.length);
      expect(second?.[0]).toHaveLength(said.length);
      expect(scored).toEqual([3]);
    },
  );

  it('an utterance’s ids are those sampled: text that no longer encodes to them does not matter', async () => {
    const target = createLocalTarget(model, { format: 'plain', sampling });
    // Half of a two-byte character decodes to U+FFFD, which would encode to three other bytes.
    const utterance: Utterance = {
      author: 'adversary',
      text: '\uFFFD',
      tokens: { tokenizerId: model.tokenizer.id, ids: [0xc3] },
      finishReason: 'length',
    };
    const [answer] = await target.reply([{ dialogue: dialogueOf('p', [utterance]), stream }]);
    expect(answer?.reading?.tokens?.ids).toEqual([0xc3]);
  });

  it('counts what it did: queries, tokens, truncated contexts, utterances of another tokenizer', async () => {
    const target = createLocalTarget(model, {
      format: 'plain',
      sampling: { ...sampling, minNewTokens: 6 },
      maxContextTokens: 8,
    });
    const other: Utterance = {
      author: 'adversary',
      text: 'abc',
      tokens: { tokenizerId: byteTokenizer({ salt: 'other' }).id, ids: [1] },
      finishReason: 'stop',
    };
    await target.reply([
      { dialogue: dialogueOf('a long prompt', [other]), stream },
      { dialogue: dialogueOf('p', [other]), stream },
    ]);
    expect(target.counts()).toEqual({
      queries: 2,
      contextTokens: 8 + 4,
      generatedTokens: 12,
      truncatedContexts: 1,
      retokenisedUtterances: 2,
    });
  });

  it('a given text becomes an utterance within the adversary’s limit', () => {
    const adversary = createLanguageModelAdversary(model, { format: 'plain', sampling });
    expect(adversary.asUtterance(dialogueOf(''), 'abcdefghij')).toMatchObject({
      text: 'abcdef',
      finishReason: 'length',
      tokens: { ids: [...Buffer.from('abcdef')] },
    });
    expect(adversary.asUtterance(dialogueOf(''), 'abc')).toMatchObject({ text: 'abc', finishReason: 'stop' });
  });
});
