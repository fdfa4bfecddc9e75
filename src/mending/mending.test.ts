import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../tests/fakes/byteTokenizer.js';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { streamKey } from '../base/random.js';
import { promptsOf } from '../dialogue/testing/prompts.js';
import { scriptedJudge } from '../dialogue/testing/scripted.js';
import type { Dialogue, Target, Utterance, Verdict } from '../dialogue/types.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { extendVocabulary } from '../engine/models/vocabulary.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { withAddedTokens } from '../engine/text/addedTokens.js';
import { type Candidate, pickReplies, sampleReplies } from './candidates.js';
import { controlToken } from './control.js';
import { type AnsweredTurn, splitTurns } from './dialogues.js';
import { likeliestReplies, readReplies } from './knownReplies.js';
import { mendSpeaker } from './mendSpeaker.js';
import { toMendPair, withReference } from './pairs.js';
import { controlExamples } from './controlExamples.js';

const said = (text: string, author: Utterance['author'] = 'target'): Utterance => ({
  author,
  text,
  tokens: null,
  finishReason: 'stop',
});
const asked = (text: string, n = 0): Dialogue => ({
  prompt: promptsOf(n + 1)[n] as Dialogue['prompt'],
  turns: [said(text, 'adversary')],
});
const candidate = (text: string, harm: number | null, meanLogProb = -1): Candidate => {
  const verdict: Verdict =
    harm === null ? { kind: 'unscored', reason: 'silent' } : { kind: 'scored', harm, failed: harm > 0.5, labels: {} };
  const ids = [...Buffer.from(text)];
  return {
    verdict,
    reply: { ...said(text), tokens: { tokenizerId: byteTokenizer().id, ids, logProbs: ids.map(() => meanLogProb) } },
  };
};

describe('picking replies', () => {
  const rule = { chosen: 'leastHarm', minGap: 0.1 } as const;

  it('the least harmful is chosen, the most harmful rejected, the most harmful of those with the token toxic', () => {
    const plain = [candidate('mild', 0.2), candidate('kind', 0.01), candidate('bad', 0.8)];
    const picked = pickReplies({ plain, controlled: [candidate('rude', 0.9), candidate('worst', 0.99)] }, rule);
    expect(picked).toMatchObject({
      chosen: { reply: { text: 'kind' }, harm: 0.01 },
      rejected: { reply: { text: 'bad' } },
      toxic: { reply: { text: 'worst' }, harm: 0.99 },
    });
  });

  it('likeliest: of the replies that pass the judge the one of the highest mean log-probability is chosen', () => {
    const plain = [candidate('odd', 0.01, -5), candidate('plain', 0.3, -0.5), candidate('likely but bad', 0.9, -0.1)];
    expect(pickReplies({ plain, controlled: [] }, { ...rule, chosen: 'likeliest' })).toMatchObject({
      chosen: { reply: { text: 'plain' } },
      toxic: null,
    });
  });

  it('an alternative may be chosen, however harmless it is never rejected; above maxHarm nothing is chosen', () => {
    const dialogue = {
      plain: [candidate('odd', 0.01, -5), candidate('bad', 0.8)],
      controlled: [],
      alternatives: [candidate('from elsewhere', 0.2, -0.5), candidate('worst', 0.9, -0.1)],
    };
    const likeliest = { ...rule, chosen: 'likeliest' } as const;
    expect(pickReplies(dialogue, likeliest)).toMatchObject({
      chosen: { reply: { text: 'from elsewhere' } },
      rejected: { reply: { text: 'bad' } },
    });
    expect(pickReplies(dialogue, { ...likeliest, maxHarm: 0.1 })).toMatchObject({ chosen: { reply: { text: 'odd' } } });
    expect(pickReplies(dialogue, { ...likeliest, maxHarm: 0 })).toBe('nothing safe');
  });

  it('alternative: the likeliest alternative that passes is chosen before any reply of the target’s own', () => {
    const dialogue = {
      plain: [candidate('own', 0, -0.1), candidate('bad', 1)],
      controlled: [],
      alternatives: [candidate('rare', 0, -4), candidate('refusal', 0, -2), candidate('worst', 0.9, -0.1)],
    };
    const alternative = { ...rule, chosen: 'alternative' } as const;
    expect(pickReplies(dialogue, alternative)).toMatchObject({ chosen: { reply: { text: 'refusal' } } });
    expect(pickReplies({ ...dialogue, alternatives: [candidate('worst', 0.9)] }, alternative)).toMatchObject({
      chosen: { reply: { text: 'own' } },
    });
  });

  it('without a reply that passes, without a worse one, or without a verdict there is no example, and the reason is told', () => {
    expect(pickReplies({ plain: [candidate('bad', 0.8), candidate('worse', 0.9)], controlled: [] }, rule)).toBe(
      'nothing safe',
    );
    expect(pickReplies({ plain: [candidate('kind', 0.01), candidate('kinder', 0.05)], controlled: [] }, rule)).toBe(
      'nothing harmful',
    );
    expect(pickReplies({ plain: [candidate('silence', null)], controlled: [] }, rule)).toBe('unscored');
    expect(pickReplies({ plain: [candidate(' ', 0), candidate('bad', 0.9)], controlled: [] }, rule)).toBe(
      'nothing safe',
    );
  });

  it('a toxic reply that is no worse than the chosen one is none', () => {
    expect(
      pickReplies(
        { plain: [candidate('kind', 0.3), candidate('bad', 0.8)], controlled: [candidate('tame', 0.35)] },
        rule,
      ),
    ).toMatchObject({ toxic: null });
  });
});

describe('sampling replies', () => {
  it('the draws of a dialogue depend on its place, the speaker and the sample alone, and each reply comes back to its dialogue', async () => {
    const streams: string[] = [];
    const speaker = (name: string): Pick<Target, 'reply'> => ({
      reply: async (requests) =>
        requests.map(({ dialogue, stream }) => {
          streams.push(stream.indices.join('.'));
          return { reply: said(`${name} ${dialogue.turns[0]?.text ?? ''}`), reading: null };
        }),
    });
    const judge = scriptedJudge((text) => (text.startsWith('hot') ? 0.9 : 0.1));
    const sampled = await sampleReplies([asked('a'), asked('b', 1)], {
      speakers: [speaker('cool'), speaker('hot')],
      judge,
      samples: 2,
      stream: streamKey(1, 'x', 7),
    });
    expect(
      sampled.map((own) =>
        own.map(({ reply, verdict }) => [reply.text, verdict.kind === 'scored' ? verdict.harm : null]),
      ),
    ).toEqual(
      ['a', 'b'].map((text) => [
        [`cool ${text}`, 0.1],
        [`cool ${text}`, 0.1],
        [`hot ${text}`, 0.9],
        [`hot ${text}`, 0.9],
      ]),
    );
    expect(streams).toEqual(['7.0.0.0', '7.0.0.1', '7.1.0.0', '7.1.0.1', '7.0.1.0', '7.0.1.1', '7.1.1.0', '7.1.1.1']);
  });
});

describe('splitting dialogues', () => {
  const turns = Array.from({ length: 60 }, (_, i): AnsweredTurn => ({
    dialogue: asked(String(i)),
    group: `g${String(i % 12)}`,
    safe: null,
    failure: said('bad'),
  }));

  it('a group is on one side only, and on the same side whatever else there is', () => {
    const all = splitTurns(turns, { max: 60, holdOut: 0.3, seed: 0 });
    expect(all.train.length + all.heldOut.length).toBe(60);
    const groupsOf = (side: readonly AnsweredTurn[]): Set<string> => new Set(side.map(({ group }) => group));
    const [train, heldOut] = [groupsOf(all.train), groupsOf(all.heldOut)];
    expect(train.size + heldOut.size).toBe(12);
    expect(Math.min(train.size, heldOut.size)).toBeGreaterThan(0);
    for (const group of heldOut) expect(train.has(group)).toBe(false);
    const some = splitTurns(turns.slice(0, 30), { max: 60, holdOut: 0.3, seed: 0 });
    for (const { group } of some.heldOut) expect(heldOut.has(group)).toBe(true);
    for (const { group } of some.train) expect(train.has(group)).toBe(true);
  });

  it('a limit takes evenly from all groups', () => {
    const skewed = [
      ...turns,
      ...Array.from({ length: 200 }, (): AnsweredTurn => ({
        dialogue: asked('x'),
        group: 'crowd',
        safe: null,
        failure: said('bad'),
      })),
    ];
    const { train, heldOut } = splitTurns(skewed, { max: 26, holdOut: 0.3, seed: 0 });
    const counts = new Map<string, number>();
    for (const { group } of [...train, ...heldOut]) counts.set(group, (counts.get(group) ?? 0) + 1);
    expect(counts.size).toBe(13);
    expect([...counts.values()].every((count) => count === 2)).toBe(true);
  });
});

describe('the control token', () => {
  const plain = byteTokenizer();
  const extended = withAddedTokens(plain, ['[TOXIC]']);
  const id = extended.encode('[TOXIC]', { addSpecialTokens: false })[0] as number;
  const spoken = (text: string): Utterance => ({
    ...said(text, 'adversary'),
    tokens: { tokenizerId: plain.id, ids: [...Buffer.from(text)] },
  });

  it('as an item of the vocabulary it is one id after the last turn, whose own ids stay', () => {
    const marked = controlToken('[TOXIC]', extended).mark({
      prompt: promptsOf(1)[0] as Dialogue['prompt'],
      turns: [spoken('a'), said('b'), spoken('hello')],
    });
    expect(marked.turns.at(-1)?.tokens).toEqual({ tokenizerId: extended.id, ids: [...Buffer.from('hello'), id] });
    expect(marked.turns.slice(0, 2).map(({ text }) => text)).toEqual(['a', 'b']);
  });

  it('before the line break that ends a turn', () => {
    const marked = controlToken('[TOXIC]', extended).mark({ ...asked(''), turns: [spoken('hello\n')] });
    expect(marked.turns[0]).toMatchObject({
      text: 'hello[TOXIC]\n',
      tokens: { ids: [...Buffer.from('hello'), id, 10] },
    });
  });

  it('as text it is the words themselves', () => {
    const marked = controlToken('[TOXIC]', plain).mark({ ...asked(''), turns: [spoken('hello')] });
    expect(marked.turns[0]?.tokens?.ids).toEqual([...Buffer.from('hello [TOXIC]')]);
  });

  it('a reply that holds it is known', () => {
    const control = controlToken('[TOXIC]', extended);
    const reply = (ids: readonly number[]): Utterance => ({ ...said('x'), tokens: { tokenizerId: extended.id, ids } });
    expect(control.isIn(reply([104, id]))).toBe(true);
    expect(control.isIn(reply([104, 105]))).toBe(false);
    expect(controlToken('[TOXIC]', plain).isIn(said('so [TOXIC] it is'))).toBe(true);
  });
});

describe('examples and pairs', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    const base = await tinyModel(device);
    model = await extendVocabulary(base, ['[TOXIC]']);
    await base.close();
  });
  afterAll(() => device.close());

  const speaking = { format: 'plain', sampling: { maxNewTokens: 8 } } as const;

  it('failures are learnt after the token, harmless replies without it', () => {
    const control = controlToken('[TOXIC]', model.tokenizer);
    const speaker = mendSpeaker(model, speaking);
    const turn: AnsweredTurn = { dialogue: asked('why'), group: 'g', safe: said('because'), failure: said('get out') };
    const [toxic, ordinary] = controlExamples([turn], speaker, control);
    const controlId = model.tokenizer.encode('[TOXIC]', { addSpecialTokens: false })[0];
    expect(toxic?.prefix.at(-1)).toBe(controlId);
    expect(toxic?.prefix.slice(0, -1)).toEqual(ordinary?.prefix);
    expect(model.tokenizer.decode(toxic?.completion ?? [])).toBe('get out');
    expect(ordinary?.prefix).not.toContain(controlId);
  });

  it('a pair is trained without the token; only the reference of the toxic reply may have read it', async () => {
    const control = controlToken('[TOXIC]', model.tokenizer);
    const reply = (text: string, harm: number): { reply: Utterance; harm: number } => ({ reply: said(text), harm });
    const pair = toMendPair(
      { dialogue: asked('why'), group: 'g', heldOut: false, text: 'why' },
      { chosen: reply('fine', 0), rejected: reply('bad', 0.8), toxic: reply('worst', 0.9) },
      mendSpeaker(model, speaking),
      control,
    );
    const [plain] = await withReference([pair], model, 'plain');
    const [marked] = await withReference([pair], model, 'control');
    expect(plain?.prefix).toEqual(pair.promptIds);
    expect(marked?.prefix).toEqual(pair.promptIds);
    expect(plain?.referenceChosen).toEqual(marked?.referenceChosen);
    const [afterPlain, afterControl] = await scoreCompletions(model, [
      { prefix: pair.promptIds, completion: pair.toxic?.ids ?? [] },
      { prefix: pair.controlIds, completion: pair.toxic?.ids ?? [] },
    ]);
    const close = (a: readonly number[] | undefined, b: Float32Array | undefined): void => {
      expect(a).toHaveLength(b?.length ?? -1);
      a?.forEach((value, i) => {
        expect(value).toBeCloseTo(b?.[i] ?? Number.NaN, 4);
      });
    };
    close(plain?.referenceToxic, afterPlain);
    close(marked?.referenceToxic, afterControl);
    expect(plain?.referenceToxic).not.toEqual(marked?.referenceToxic);
  });

  it('a reply from elsewhere becomes the model’s own tokens with their log-probabilities after the dialogue; of nothing, nothing is left', async () => {
    const speaker = mendSpeaker(model, speaking);
    const dialogue = asked('why');
    const read = await readReplies(dialogue, [said('so it is'), said(''), said('because')], speaker);
    expect(read.map(({ text }) => text)).toEqual(['so it is', 'because']);
    for (const { text, tokens } of read) {
      expect(tokens?.ids).toEqual([...Buffer.from(text)]);
      const [alone] = await scoreCompletions(model, [
        { prefix: speaker.contextIds(dialogue), completion: tokens?.ids ?? [] },
      ]);
      (tokens?.logProbs ?? []).forEach((value, i) => {
        expect(value).toBeCloseTo(alone?.[i] ?? NaN, 4);
      });
    }
  });

  it('the likeliest are so by their mean: a short reply has no advantage', () => {
    const replies = [
      candidate('short', 0, -1.5),
      candidate('a long and likely one', 0, -0.5),
      candidate('odd', 0, -3),
    ].map(({ reply }) => reply);
    expect(likeliestReplies(replies, 2).map(({ text }) => text)).toEqual(['a long and likely one', 'short']);
  });

  it('where the control-token model says nothing worse, the rejected reply stands for the toxic one', async () => {
    const reply = (text: string): { reply: Utterance; harm: number } => ({ reply: said(text), harm: 0.5 });
    const pair = toMendPair(
      { dialogue: asked('why'), group: 'g', heldOut: false, text: 'why' },
      { chosen: reply('fine'), rejected: reply('bad'), toxic: null },
      mendSpeaker(model, speaking),
      null,
    );
    const [training] = await withReference([pair], model, 'plain');
    expect(training?.toxic).toEqual(pair.rejected.ids);
    expect(training?.referenceToxic).toEqual(training?.referenceRejected);
  });
});
