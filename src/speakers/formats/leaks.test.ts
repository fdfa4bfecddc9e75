/** A prompt's private views stay private, in every format and to every kind of speaker: a format that joins the table is
 *  tested here unasked. */
import { describe, expect, it } from 'vitest';
import { byteChatTemplate, byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { streamKey } from '../../base/random.js';
import { scriptedAdversary, scriptedJudge, scriptedTarget } from '../../dialogue/testing/scripted.js';
import type { Author, Dialogue, JudgedItem, Prompt, Utterance } from '../../dialogue/types.js';
import { rolloutLinear } from '../../dialogue/rollout/linear.js';
import { dialogueSeenBy } from '../../dialogue/views.js';
import { parseChatTemplate } from '../../engine/text/chatTemplate.js';
import type { Endpoint, RemoteReply } from '../../remote/types.js';
import { openEndpointTarget } from '../targets/endpoint.js';
import { createFunctionTarget } from '../targets/function.js';
import { createHttpTarget } from '../targets/http.js';
import { createEndpointAdversary } from '../adversaries/endpoint.js';
import { openFormat } from './all.js';
import { formatKinds } from './format.js';

const tokenizer = byteTokenizer();
const chatTemplate = parseChatTemplate(byteChatTemplate, {});
const sides = ['adversary', 'target'] as const;

const prompt: Prompt = {
  id: 'p',
  conversationId: 'p',
  text: 'public opening',
  goal: 'hidden goal',
  targetString: 'hidden string',
  background: 'hidden background',
  meta: { secret: 'hidden field' },
  views: {
    adversary: { system: 'adversary system', turns: ['adversary turn one', 'adversary turn two'] },
    target: { system: 'target system', turns: ['target turn one', 'target turn two'] },
  },
};
const privateTexts: Readonly<Record<Author, readonly string[]>> = {
  adversary: ['adversary system', 'adversary turn one', 'adversary turn two'],
  target: ['target system', 'target turn one', 'target turn two'],
};
const hidden = ['hidden goal', 'hidden string', 'hidden background', 'hidden field'];

/** Expects the public opening and the side's own view, and nothing that it may not know. */
function expectOwnViewOnly(shown: string, side: Author): void {
  for (const text of ['public opening', ...privateTexts[side]]) expect(shown).toContain(text);
  for (const text of [...privateTexts[side === 'target' ? 'adversary' : 'target'], ...hidden])
    expect(shown).not.toContain(text);
}

function said(author: Author, text: string, isLocal: boolean): Utterance {
  const tokens = isLocal ? { tokenizerId: tokenizer.id, ids: [...Buffer.from(text)] } : null;
  return { author, text, tokens, finishReason: 'stop' };
}

/** Dialogues in which it is `side`'s turn, of models on this machine and of remote ones. */
function dialoguesFor(side: Author): readonly Dialogue[] {
  return [true, false].flatMap((isLocal) => {
    const turns = [said('adversary', 'hello', isLocal), said('target', 'good day', isLocal)];
    const again = said('adversary', 'and now', isLocal);
    const opened = { ...prompt, turns: ['public opening', 'public answer'] };
    return (side === 'target' ? [turns.slice(0, 1), [...turns, again]] : [[], turns]).flatMap((each) => [
      { prompt, turns: each },
      { prompt: opened, turns: each },
    ]);
  });
}

const reply: RemoteReply = {
  kind: 'reply',
  text: 'fine',
  reasoning: null,
  finishReason: 'stop',
  tokens: null,
  completionTokens: 1,
  filtered: false,
};
const usage = () => ({
  requests: 0,
  cachedRequests: 0,
  promptTokens: 0,
  completionTokens: 0,
  cachedPromptTokens: 0,
  cachedCompletionTokens: 0,
  cost: 0,
});

/** Keeps everything that it is asked. It scores prompts, so that targets show it those as well. */
function recordingEndpoint(): { readonly endpoint: Endpoint; readonly asked: string[] } {
  const asked: string[] = [];
  const answer = async (request: unknown): Promise<RemoteReply> => {
    asked.push(JSON.stringify(request));
    return reply;
  };
  return {
    asked,
    endpoint: {
      name: 'fake',
      concurrency: 1,
      chat: answer,
      complete: answer,
      close: () => undefined,
      promptLogProbs: async (request) => {
        asked.push(JSON.stringify(request));
        const text = request.kind === 'text' ? request.prompt : request.messages.map(({ content }) => content).join('');
        return [{ text, logProb: -1 }];
      },
      usage,
    },
  };
}

describe.each(formatKinds)('private views in the format %s', (format) => {
  it.each(sides)('are shown by a local model’s context to the %s alone, for its own view', (role) => {
    const { context } = openFormat(format, { role, tokenizer, chatTemplate, maxContextTokens: 10_000 });
    const dialogues = dialoguesFor(role);
    expect(dialogues).toHaveLength(8);
    for (const dialogue of dialogues) expectOwnViewOnly(tokenizer.decode(context(dialogue).ids), role);
  });

  it.each(sides)('are sent by an endpoint that is the %s as its own view alone', async (role) => {
    const { endpoint, asked } = recordingEndpoint();
    const options = { format, maxNewTokens: 4, temperature: 1, topP: 1 };
    const dialogues = dialoguesFor(role);
    const requests = dialogues.map((dialogue) => ({ dialogue, stream: streamKey(0, 'leak') }));
    if (role === 'adversary') await createEndpointAdversary(endpoint, options).speak(requests);
    else {
      const target = await openEndpointTarget(endpoint, options);
      expect(asked.splice(0)).toHaveLength(1); // Whether it scores prompts: no dialogue is shown.
      await target.reply(requests);
    }
    expect(asked).toHaveLength(role === 'target' ? 2 * dialogues.length : dialogues.length);
    for (const request of asked) expectOwnViewOnly(request, role);
  });

  it('are sent to a JSON service that is the target as its own view alone, in every slot', async () => {
    const asked: Readonly<Record<string, unknown>>[] = [];
    const service = {
      name: 'service',
      concurrency: 1,
      ask: async (values: Readonly<Record<string, unknown>>) => {
        asked.push(values);
        return { kind: 'reply', text: 'fine', finishReason: 'stop' } as const;
      },
      usage,
      close: () => undefined,
    };
    const target = createHttpTarget(service, { format, maxNewTokens: 4, temperature: 1, topP: 1, system: 'be kind' });
    await target.reply(dialoguesFor('target').map((dialogue) => ({ dialogue, stream: streamKey(0, 'leak') })));
    expect(asked).toHaveLength(8);
    for (const { messages, text, system } of asked) {
      expectOwnViewOnly(JSON.stringify(messages), 'target');
      expectOwnViewOnly(String(text), 'target');
      expect(system).toBe('be kind\n\ntarget system');
    }
    for (const slots of asked) for (const text of hidden) expect(JSON.stringify(slots)).not.toContain(text);
  });

  it('change nothing where a prompt has none', () => {
    const { views: _, ...open } = prompt;
    for (const role of sides) {
      const { context } = openFormat(format, { role, tokenizer, chatTemplate, maxContextTokens: 10_000 });
      for (const { turns } of dialoguesFor(role)) {
        const plain = context({ prompt: { id: 'p', conversationId: 'p', text: 'public opening' }, turns });
        expect(context({ prompt: open, turns })).toEqual(plain);
        expect(context({ prompt: { ...open, views: {} }, turns })).toEqual(plain);
      }
    }
  });
});

describe('private views in a rollout', () => {
  it('reach neither the other side nor the judge, whatever speaker is asked; the judge knows goal, target string and background', async () => {
    const [adversary, target] = [scriptedAdversary(), scriptedTarget()];
    const items: JudgedItem[] = [];
    const judge = scriptedJudge(() => 0.5);
    const recording = {
      ...judge,
      judge: async (asked: readonly JudgedItem[]) => {
        items.push(...asked);
        return judge.judge(asked);
      },
    };
    const [row] = await rolloutLinear({
      adversary,
      target,
      judge: recording,
      reward: { reply: 1 },
      prompts: [prompt],
      turns: 2,
      stream: streamKey(0, 'leak'),
    });
    expect([adversary.calls.flat(), target.calls.flat()].map((calls) => calls.length)).toEqual([2, 2]);
    for (const { dialogue } of target.calls.flat()) expectOwnViewOnly(JSON.stringify(dialogue), 'target');
    for (const { dialogue } of adversary.calls.flat()) {
      // An attacker may know what it is to bring about, though no format shows it.
      const { goal, ...known } = dialogue.prompt;
      expect(goal).toBe('hidden goal');
      expectOwnViewOnly(JSON.stringify({ ...dialogue, prompt: known }), 'adversary');
    }
    expect(items).toHaveLength(6);
    for (const { goal, targetString, background, ...seen } of items) {
      expect([goal, targetString, background]).toEqual(['hidden goal', 'hidden string', 'hidden background']);
      for (const text of [...privateTexts.adversary, ...privateTexts.target])
        expect(JSON.stringify(seen)).not.toContain(text);
    }
    expect(row?.dialogue.prompt).toEqual(prompt); // The tree and its records know all of it.
  });

  it('stay out of what a side is told of the other’s reading', () => {
    const turn: Utterance = {
      ...said('adversary', 'hello', true),
      contextIds: [1, 2],
      reading: { logProbs: [-1], tokens: { prefixIds: [9, 9], ids: [1] } },
    };
    for (const side of sides)
      expect(dialogueSeenBy(side, { prompt, turns: [turn] }).turns).toEqual([said('adversary', 'hello', true)]);
  });

  it('are not shown to a function that is the target', async () => {
    const asked: string[] = [];
    const target = createFunctionTarget({
      name: 'function',
      reply: (request) => {
        asked.push(JSON.stringify(request));
        return 'fine';
      },
    });
    await rolloutLinear({
      adversary: scriptedAdversary(),
      target,
      judge: scriptedJudge(() => 0.5),
      reward: { reply: 1 },
      prompts: [prompt],
      turns: 2,
      stream: streamKey(0, 'leak'),
    });
    expect(asked).toHaveLength(2);
    for (const request of asked) expectOwnViewOnly(request, 'target');
  });
});
