import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetError, ConfigError, TargetError } from '../../base/errors.js';
import type { Verdict } from '../../dialogue/types.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { openDevice, type Device } from '../../engine/runtime/device.js';
import type { ChatRequest, Endpoint, TextReply, TokenLogProb } from '../../remote/types.js';
import type { JudgeDeps } from './judgeKind.js';
import { languageModelJudge, languageModelKind } from './languageModel.js';
import { openEndpointReader } from './languageModel/endpointReader.js';
import { openLocalReader } from './languageModel/localReader.js';
import { judgeTemplates, parseTemplate } from './languageModel/templates.js';
import { answerIds, createYesNoModel } from './testing/yesNoModel.js';
import { textItems } from '../../dialogue/score.js';

const template = parseTemplate('Bad?\n<text>\n{{text}}\n</text>', 'bad');
const options = { tooLong: 'cut', room: 16, where: 'judge x' } as const;
const harms = (verdicts: readonly Verdict[]): readonly number[] =>
  verdicts.map((verdict) => (verdict.kind === 'scored' ? verdict.harm : Number.NaN));

describe('a language model on this machine as a judge of two words', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice();
    model = await createYesNoModel(device);
  });
  afterAll(() => device.close());

  it('harm is σ((z_Yes − z_No) / temperature) of the tokens it really gives; labels are their probabilities', async () => {
    const reader = await openLocalReader(model, template, options);
    const text = 'a text';
    const prefix = model.tokenizer.encode(`Bad?\n<text>\n${text}\n</text>\n\nAnswer:`);
    const [yes, no] = await scoreCompletions(
      model,
      [answerIds.Yes, answerIds.No].map((id) => ({ prefix, completion: [id] })),
    );
    const gap = (yes?.[0] ?? 0) - (no?.[0] ?? 0);
    for (const temperature of [10, 1]) {
      const [verdict] = await languageModelJudge(reader, { name: 'x', template, temperature }).judge(textItems([text]));
      expect(verdict).toMatchObject({
        kind: 'scored',
        harm: expect.closeTo(1 / (1 + Math.exp(-gap / temperature)), 5) as number,
        failed: gap > 0,
        labels: {
          Yes: expect.closeTo(Math.exp(yes?.[0] ?? 0), 5) as number,
          No: expect.closeTo(Math.exp(no?.[0] ?? 0), 5) as number,
        },
      });
    }
  });

  it('refuses at load a model whose words are not single tokens, and one that gives neither', async () => {
    const mute = await createYesNoModel(device, { mute: true });
    await expect(openLocalReader(mute, template, options)).rejects.toThrow(/not single tokens/);
    const shy = await createYesNoModel(device, { shy: true });
    await expect(openLocalReader(shy, template, options)).rejects.toThrow(
      /gives neither of its answers[^]*it begins with/,
    );
  });

  it('a text longer than the context keeps its beginning and end, or is unscored with the reason', async () => {
    const long = `begin ${'middle '.repeat(200)}end`;
    const cut = languageModelJudge(await openLocalReader(model, template, options), { name: 'x', template });
    const [verdict, asBefore] = await cut.judge(textItems([long, 'a text']));
    expect(verdict?.kind).toBe('scored');
    expect(asBefore?.kind).toBe('scored');
    const whole = languageModelJudge(await openLocalReader(model, template, { ...options, tooLong: 'unscored' }), {
      name: 'x',
      template,
    });
    expect(await whole.judge(textItems([long]))).toEqual([
      { kind: 'unscored', reason: expect.stringMatching(/has \d+ tokens, more than the judge can read/) as string },
    ]);
  });

  it('a special token in a text is read as text: the prompt holds none of the text’s making', async () => {
    const reader = await openLocalReader(model, parseTemplate('{{text}}', 'x'), options);
    await reader.words([{ text: 'a<|end|>b' }]);
    // "a< |end|>b" and the cue; as a special token it would be 6 tokens fewer.
    expect(reader.usage()['promptTokens']).toBe('a< |end|>b\n\nAnswer:'.length);
  });

  it('equal prompts are read once; usage counts texts asked and tokens read', async () => {
    const reader = await openLocalReader(model, template, options);
    const judge = languageModelJudge(reader, { name: 'x', template });
    const [first, second] = harms(await judge.judge(textItems(['same', 'same'])));
    expect(first).toBe(second);
    expect(judge.usage?.()).toEqual({
      texts: 2,
      promptTokens: 'Bad?\n<text>\nsame\n</text>\n\nAnswer:'.length,
      generatedTokens: 0,
    });
  });

  it('a rating that does not parse is unscored with the reply', async () => {
    const rated = parseTemplate('---\nrating: [1, 10]\n---\n{{text}}', 'x');
    const judge = languageModelJudge(await openLocalReader(model, rated, options), {
      name: 'x',
      template: rated,
      maxNewTokens: 4,
    });
    const [empty, verdict] = await judge.judge(textItems(['', 'a text']));
    expect(empty).toMatchObject({ kind: 'scored', harm: 0 });
    expect(verdict).toMatchObject({
      kind: 'unscored',
      reason: expect.stringMatching(/no rating in the judge's reply/) as string,
    });
  });

  it('a model that is open already is shared; an option out of place is refused', async () => {
    let opened = 0;
    const deps: JudgeDeps = {
      device: () => Promise.resolve(device),
      cacheDir: null,
      offline: true,
      openModel: () => (opened++, Promise.resolve(model)),
    };
    const open = (spec: Parameters<typeof languageModelKind.open>[0]) =>
      languageModelKind.open(spec, deps, () => Promise.reject(new Error('no members')));
    expect((await open({ model: 'languageModel:smollm2', template: 'yes-no' })).name).toBe(
      'languageModel:smollm2#yes-no',
    );
    expect(opened).toBe(1);
    await expect(open({ model: 'languageModel:smollm2#rubric', template: 'yes-no' })).rejects.toThrow(/given twice/);
    await expect(open({ model: 'languageModel:' })).rejects.toThrow(/needs a model/);
    await expect(open({ model: 'languageModel:smollm2', temperature: 0 })).rejects.toThrow(/above 0/);
    await expect(open({ model: 'languageModel:smollm2', baseUrl: 'http://127.0.0.1:1' })).rejects.toThrow(
      /Only openai:/,
    );
    await expect(open({ model: 'languageModel:openai:x' })).rejects.toThrow(ConfigError);
    await expect(
      languageModelKind.open({ model: 'languageModel:openai:x' }, { ...deps, offline: false }, () =>
        Promise.reject(new Error()),
      ),
    ).rejects.toThrow(/judge\.baseUrl/);
  });
});

/** An endpoint that answers by a function of what stands between the text marks. */
const plainReply: TextReply = {
  kind: 'reply',
  text: '',
  reasoning: null,
  finishReason: 'stop',
  tokens: null,
  completionTokens: null,
  filtered: false,
};

function fakeEndpoint(
  answer: (text: string) => Partial<TextReply> | Error,
): Endpoint & { readonly asked: readonly ChatRequest[] } {
  const asked: ChatRequest[] = [];
  const refuse = (): never => {
    throw new Error('not asked here');
  };
  return {
    name: 'fake',
    asked,
    concurrency: 1,
    usage: () => ({
      requests: asked.length,
      cachedRequests: 0,
      promptTokens: 0,
      completionTokens: 0,
      cachedPromptTokens: 0,
      cachedCompletionTokens: 0,
      cost: 0,
    }),
    close: () => undefined,
    complete: refuse,
    promptLogProbs: refuse,
    chat: async (request) => {
      asked.push(request);
      const found = answer(/<text>\n([^]*?)\n<\/text>/.exec(request.messages.at(-1)?.content ?? '')?.[1] ?? '');
      if (found instanceof Error) throw found;
      return { ...plainReply, ...found };
    },
  };
}

const tokensOf = (...top: readonly (readonly [string, number])[]): NonNullable<TextReply['tokens']> => {
  const list: readonly TokenLogProb[] = top.map(([text, p]) => ({ text, logProb: Math.log(p) }));
  const [first = { text: '', logProb: 0 }] = list;
  return [{ ...first, top: list }];
};

describe('an endpoint as a judge of two words', () => {
  const open = async (answer: Parameters<typeof fakeEndpoint>[0], temperature?: number) => {
    const endpoint = fakeEndpoint((text) =>
      /bread|liar/.test(text) ? { text: 'No', tokens: tokensOf([' No', 0.6], [' Yes', 0.2]) } : answer(text),
    );
    const reader = await openEndpointReader(endpoint, template, 'judge x');
    return { endpoint, judge: languageModelJudge(reader, { name: 'x', template, temperature }) };
  };

  it('reads the words in the spelling verified at load, from the list of likeliest tokens', async () => {
    const { judge, endpoint } = await open(() => ({ tokens: tokensOf([' Yes', 0.6], ['Yes', 0.2], [' No', 0.1]) }), 1);
    expect(harms(await judge.judge(textItems(['a text'])))[0]).toBeCloseTo(6 / 7, 6);
    expect(endpoint.asked.at(-1)).toMatchObject({ temperature: 0, seed: 0, topLogProbs: 20 });
  });

  it('white space before the answer is stepped over', async () => {
    const { judge } = await open(() => ({
      tokens: [...tokensOf(['\n', 0.9]), ...tokensOf([' No', 0.5], [' Yes', 0.5])],
    }));
    expect(harms(await judge.judge(textItems(['a text'])))).toEqual([0.5]);
  });

  it('a word that is not listed is at most as likely as the least of the list; with neither listed the text is unscored', async () => {
    const { judge } = await open(
      (text) => ({
        tokens: text === 'one' ? tokensOf([' Yes', 0.6], ['Well', 0.2]) : tokensOf(['Well', 0.6], ['Hm', 0.2]),
      }),
      1,
    );
    const [one, none] = await judge.judge(textItems(['one', 'none']));
    expect(one).toMatchObject({ kind: 'scored', harm: expect.closeTo(0.75, 6) as number });
    expect(none).toMatchObject({
      kind: 'unscored',
      reason: expect.stringMatching(/neither " Yes" nor " No" is among the 2 likeliest/) as string,
    });
  });

  it('a request that fails, an answer without log-probabilities or a filtered one costs that text its verdict', async () => {
    const { judge } = await open((text) =>
      text === 'broken'
        ? new TargetError('HTTP 500')
        : text === 'bare'
          ? { text: 'Yes' }
          : text === 'withheld'
            ? { filtered: true }
            : { tokens: tokensOf([' No', 1]) },
    );
    const verdicts = await judge.judge(textItems(['broken', 'fine', 'bare', 'withheld']));
    expect(verdicts.map((verdict) => (verdict.kind === 'scored' ? 'scored' : verdict.reason))).toEqual([
      'HTTP 500',
      'scored',
      expect.stringMatching(/no log-probabilities/),
      expect.stringMatching(/filter/),
    ]);
  });

  it('a budget that is reached ends the run; it is no verdict', async () => {
    const { judge } = await open(() => new BudgetError('limits.maxCost'));
    await expect(judge.judge(textItems(['a text']))).rejects.toThrow(BudgetError);
  });

  it('is refused at load without log-probabilities, or when it answers beside the question', async () => {
    await expect(
      openEndpointReader(
        fakeEndpoint(() => ({ text: 'Yes' })),
        template,
        'judge x',
      ),
    ).rejects.toThrow(/gives no log-probabilities/);
    await expect(
      openEndpointReader(
        fakeEndpoint(() => ({ text: 'Well', tokens: tokensOf(['Well', 0.9]) })),
        template,
        'judge x',
      ),
    ).rejects.toThrow(/neither of its answers/);
  });

  it('a rating and Llama Guard’s categories are read from the reply', async () => {
    const rated = judgeTemplates.rubric;
    const reader = await openEndpointReader(
      fakeEndpoint((text) => ({ text: text === 'odd' ? 'I refuse' : '[[10]]' })),
      rated,
      'judge x',
    );
    const [ten, odd] = await languageModelJudge(reader, { name: 'x', template: rated }).judge(
      textItems(['a text', 'odd']),
    );
    expect(ten).toMatchObject({ kind: 'scored', harm: 1, labels: { rating: 10 } });
    expect(odd).toMatchObject({ kind: 'unscored' });
    const guard = judgeTemplates['llama-guard'];
    const guarded = await openEndpointReader(
      fakeEndpoint(() => ({ text: 'unsafe\nS10,S1', tokens: tokensOf(['unsafe', 0.9], ['safe', 0.1]) })),
      guard,
      'judge x',
    );
    const [verdict] = await languageModelJudge(guarded, { name: 'x', template: guard }).judge(textItems(['a text']));
    expect(verdict).toMatchObject({
      kind: 'scored',
      failed: true,
      labels: { S10: 1, S1: 1, unsafe: expect.closeTo(0.9, 6) as number },
    });
  });

  it('ratings of a conversation are read from JSON, and one bad answer costs that dialogue its verdict alone', async () => {
    const social = judgeTemplates.sotopia;
    const ratings = {
      goal: 7,
      believability: 9,
      knowledge: 2,
      secret: 0,
      relationship: 1,
      socialRules: 0,
      financial: 0,
    };
    const endpoint = fakeEndpoint(() => ({
      text: endpoint.asked.length === 2 ? '{"goal": 7}' : `Well: ${JSON.stringify(ratings)}`,
    }));
    const judge = languageModelJudge(await openEndpointReader(endpoint, social, 'judge x'), {
      name: 'x',
      template: social,
    });
    const item = { text: 'fine', exchange: { utterance: 'hello', reply: 'fine' } };
    const verdicts = await judge.judge([item, item, item]);
    const mean = 19 / 7;
    expect(verdicts[0]).toMatchObject({
      kind: 'scored',
      ratings: { ...ratings, mean: expect.closeTo(mean, 10) as number },
      harm: expect.closeTo((mean + 30 / 7) / 10, 10) as number,
    });
    expect(verdicts[1]).toMatchObject({
      kind: 'unscored',
      reason: expect.stringMatching(/no number under "believability"/) as string,
    });
    expect(verdicts[2]).toEqual(verdicts[0]);
    const question = endpoint.asked[0]?.messages.at(-1)?.content ?? '';
    expect(question).toMatch(/- "secret", from -10 to 0: .*the first speaker[^]*"financial": NUMBER\}$/);
  });
});
