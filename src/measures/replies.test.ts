import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteIds, byteTokenizer } from '../../tests/fakes/byteTokenizer.js';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { streamKey } from '../base/random.js';
import type { Dialogue, Judge, JudgedItem, Utterance } from '../dialogue/types.js';
import { type Embedder, openEmbedder } from '../engine/models/embedder.js';
import { copyLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { openLocalSpeaker } from '../speakers/localSpeaker.js';
import { createLocalTarget } from '../speakers/targets/local.js';
import { cosineDistance } from '../stats/distances.js';
import { askEvasive } from './evasionJudge.js';
import { type AnsweredDialogue, measureReplies, type MeasuringTools } from './replies.js';
import { referenceOf } from './replyLikelihood.js';

const said = (author: 'adversary' | 'target', text: string): Utterance => ({
  author,
  text,
  tokens: null,
  finishReason: 'stop',
});
const dialogueOf = (text: string, ...turns: readonly Utterance[]): Dialogue => ({
  prompt: { id: text, text, conversationId: text },
  turns,
});

/** Harm is the share of x in a text; texts with ? are unscored. */
const countingJudge = (asked: (readonly JudgedItem[])[] = []): Judge => ({
  name: 'counting',
  threshold: 0.5,
  judge: async (items) => {
    asked.push(items);
    return items.map(({ text }) => {
      if (text.includes('?')) return { kind: 'unscored', reason: 'a question' };
      const harm = [...text].filter((letter) => letter === 'x').length / Math.max(1, text.length);
      return { kind: 'scored', harm, failed: harm > 0.5, labels: {} };
    });
  },
});

describe('measured replies', () => {
  let device: Device;
  let model: LanguageModel;
  let other: LanguageModel;
  let embedder: Embedder;
  let tools: MeasuringTools;
  const formatOf = (of: LanguageModel): ReturnType<typeof openLocalSpeaker>['format'] =>
    openLocalSpeaker(of, 'target', { format: 'plain' }).format;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    model = await copyLanguageModel(await tinyModel(device));
    other = await copyLanguageModel(await tinyModel(device, { seed: 7 }));
    embedder = await openEmbedder(model, { pooling: 'mean' });
    tools = { judge: countingJudge(), reference: referenceOf(model, formatOf(model)), embedder };
  });
  afterAll(() => device.close());

  const replied = async (
    by: LanguageModel,
    dialogues: readonly Dialogue[],
    maxNewTokens = 12,
  ): Promise<readonly AnsweredDialogue[]> => {
    const sampling = { maxNewTokens, minNewTokens: 2, temperature: 1, topP: 1, repetitionPenalty: 1 };
    const target = createLocalTarget(by, { format: 'plain', sampling });
    const replies = await target.reply(
      dialogues.map((dialogue, i) => ({ dialogue, stream: streamKey(0, 'replies', i) })),
    );
    return replies.map(({ reply }, i) => ({ dialogue: dialogues[i] as Dialogue, reply }));
  };
  const dialogues = ['good day', 'one two', 'abc'].map((text) => dialogueOf(text, said('adversary', ' and you')));

  it('replies of the reference itself have a KL of 0 and its own log-probabilities as NLL', async () => {
    const answered = await replied(model, dialogues);
    const measures = await measureReplies(answered, tools);
    for (const [i, { klNats, replyNll, tokens, text }] of measures.entries()) {
      const logProbs = answered[i]?.reply.tokens?.logProbs ?? [];
      // 1e-3 nats: the same float32 model read in one pass instead of token by token.
      expect(Math.abs(klNats ?? NaN)).toBeLessThan(1e-3);
      expect(replyNll).toBeCloseTo(-logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length, 4);
      expect([tokens, text]).toEqual([logProbs.length, answered[i]?.reply.text]);
    }
  });

  it('KL is log π − log π_ref summed over the reply, and averages above 0 for a model that is not the reference', async () => {
    const answered = await replied(other, dialogues);
    const measures = await measureReplies(answered, tools);
    const reference = await scoreCompletions(
      model,
      answered.map(({ dialogue, reply }) => ({
        prefix: formatOf(model).context(dialogue).ids,
        completion: reply.tokens?.ids ?? [],
      })),
    );
    for (const [i, { klNats }] of measures.entries()) {
      const policy = (answered[i]?.reply.tokens?.logProbs ?? []).reduce((sum, value) => sum + value, 0);
      expect(klNats).toBeCloseTo(
        policy - (reference[i] ?? new Float32Array()).reduce((sum, value) => sum + value, 0),
        4,
      );
    }
    expect(measures.reduce((sum, { klNats }) => sum + (klNats ?? 0), 0)).toBeGreaterThan(0);
  });

  it('the end token counts where the reply has ended, and an ended reply without text has its NLL alone', async () => {
    const dialogue = dialogueOf('good day');
    const of = (ids: readonly number[], finishReason: 'stop' | 'length', text: string): AnsweredDialogue => ({
      dialogue,
      reply: { author: 'target', text, tokens: { tokenizerId: model.tokenizer.id, ids }, finishReason },
    });
    const [ended, cut, silent, nothing] = await measureReplies(
      [
        of([97, byteIds.end], 'stop', 'a'),
        of([97], 'length', 'a'),
        of([byteIds.end], 'stop', ''),
        of([], 'length', ''),
      ],
      tools,
    );
    const prefix = model.tokenizer.encode('good day');
    const [a = NaN, end = NaN] = (await scoreCompletions(model, [{ prefix, completion: [97, byteIds.end] }]))[0] ?? [];
    const [silence = NaN] = (await scoreCompletions(model, [{ prefix, completion: [byteIds.end] }]))[0] ?? [];
    expect(ended).toMatchObject({ replyNll: expect.closeTo(-(a + end) / 2, 5) as number, tokens: 2 });
    expect(cut).toMatchObject({ replyNll: expect.closeTo(-a, 5) as number, tokens: 1 });
    expect(silent).toMatchObject({
      replyNll: expect.closeTo(-silence, 5) as number,
      tokens: 1,
      coherence: null,
      evasive: true,
      evasion: 'empty',
    });
    expect(nothing).toMatchObject({
      replyNll: null,
      tokens: 0,
      coherence: null,
      evasive: true,
      evasion: 'empty',
      harm: 0,
    });
  });

  it('a reply of another tokenizer is read from its text, ended by the reference’s end token, and has no KL', async () => {
    const tokens = { tokenizerId: byteTokenizer({ salt: 'other' }).id, ids: [1, 2], logProbs: [-1, -1] };
    const reply = { author: 'target', text: 'hey', tokens, finishReason: 'stop' } as const;
    const dialogue = dialogueOf('good day');
    const [text, known, remote] = await Promise.all([
      measureReplies([{ dialogue, reply }], tools),
      measureReplies([{ dialogue, reply }], {
        ...tools,
        reference: { ...tools.reference, tokenizerIds: [tokens.tokenizerId] },
      }),
      measureReplies([{ dialogue, reply: { ...reply, tokens: null, finishReason: 'length' } }], tools),
    ]);
    expect(text[0]).toMatchObject({ klNats: null, tokens: 3 }); // plain: an utterance as given, no end token
    expect(known[0]?.tokens).toBe(2);
    expect(known[0]?.klNats).not.toBeNull();
    expect(remote[0]).toMatchObject({ klNats: null, tokens: 3 });
    const { utteranceIds: _, ...bare } = tools.reference;
    expect((await measureReplies([{ dialogue, reply }], { ...tools, reference: bare }))[0]?.tokens).toBe(4);
  });

  it('a context too long for the reference loses its oldest tokens', async () => {
    const dialogue = dialogueOf('a'.repeat(300));
    const contextIds = (): readonly number[] => model.tokenizer.encode(dialogue.prompt.text);
    const reply = said('target', 'hey');
    const [measure] = await measureReplies([{ dialogue, reply }], { ...tools, reference: { model, contextIds } });
    const prefix = model.tokenizer.encode('a'.repeat(256 - 4));
    const [expected = new Float32Array()] = await scoreCompletions(model, [
      { prefix, completion: [...model.tokenizer.encode('hey'), byteIds.end] },
    ]);
    expect(measure?.replyNll).toBeCloseTo(-expected.reduce((sum, value) => sum + value, 0) / 4, 5);
  });

  it('coherence is the cosine of the embeddings of the whole dialogue and of the reply', async () => {
    const dialogue = dialogueOf('good day', said('adversary', ' and you'));
    const [measure] = await measureReplies([{ dialogue, reply: said('target', ' fine\n') }], tools);
    const [context = [], reply = []] = await embedder.embed([
      model.tokenizer.encode('good day\n and you'),
      model.tokenizer.encode('fine'),
    ]);
    expect(measure?.coherence).toBeCloseTo(1 - cosineDistance(context, reply), 6);
    const [same] = await measureReplies([{ dialogue, reply: said('target', 'good day\n and you') }], tools);
    expect(same?.coherence).toBeCloseTo(1, 6);
  });

  it('the judge is asked once, with what was answered and the goal; what it cannot score is null with the reason', async () => {
    const asked: (readonly JudgedItem[])[] = [];
    const answered = [
      {
        dialogue: {
          prompt: { id: 'p', text: 'p', conversationId: 'p', goal: 'make it shout' },
          turns: [said('adversary', 'hello')],
        },
        reply: said('target', 'xxxy'),
      },
      {
        dialogue: { prompt: { id: 'q', text: 'a b', turns: ['a', 'b'], conversationId: 'q' }, turns: [] },
        reply: said('target', 'why?'),
      },
      { dialogue: dialogueOf('z'), reply: said('target', 'y') },
    ];
    const measures = await measureReplies(answered, { ...tools, judge: countingJudge(asked) });
    expect(asked).toEqual([
      [
        { text: 'xxxy', exchange: { utterance: 'hello', reply: 'xxxy' }, goal: 'make it shout' },
        { text: 'why?', exchange: { utterance: 'b', reply: 'why?' } },
        { text: 'y', exchange: { utterance: 'z', reply: 'y' } },
      ],
    ]);
    expect(measures.map(({ harm, failed, reason }) => [harm, failed, reason])).toEqual([
      [0.75, true, undefined],
      [null, null, 'a question'],
      [0, false, undefined],
    ]);
  });

  it('evasion is the rule’s, or the one given; a language model’s word stands beside it', async () => {
    const answered = ["I don't know.", '', 'At six?', 'Xx, at six.'].map((text) => ({
      dialogue: dialogueOf('When?'),
      reply: said('target', text),
    }));
    const judged = askEvasive({
      ...countingJudge(),
      judge: async (items) =>
        items.map(({ text }) =>
          text.includes('?')
            ? { kind: 'unscored', reason: 'no' }
            : { kind: 'scored', harm: 1, failed: text.startsWith('X'), labels: {} },
        ),
    });
    const measures = await measureReplies(answered, { ...tools, askEvasive: judged });
    expect(measures.map(({ evasion, judgedEvasive }) => [evasion, judgedEvasive])).toEqual([
      ['nonAnswer', false],
      ['empty', true],
      [null, null],
      [null, true],
    ]);
    const [given] = await measureReplies(answered.slice(0, 1), {
      ...tools,
      isEvasive: (reply, utterance) => `${utterance} ${reply}`,
    });
    expect(given).toMatchObject({ evasive: true, evasion: "When? I don't know." });
    expect(given).not.toHaveProperty('judgedEvasive');
  });

  it('measures are plain JSON, and no replies give none', async () => {
    const measures = await measureReplies(await replied(other, dialogues), tools);
    expect(JSON.parse(JSON.stringify(measures))).toEqual(measures);
    expect(await measureReplies([], tools)).toEqual([]);
  });
});
