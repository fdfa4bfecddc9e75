/** Deterministic fakes of the three roles, for tests of everything that plays or scores dialogues. Their draws come
 *  from the request's stream alone, as a real speaker's must; they record every batch they were given. */
import { createHash } from 'node:crypto';
import { openStream, type RandomStream } from '../../base/random.js';
import type { Adversary, Author, Judge, SpeakRequest, Target, Utterance, Verdict } from '../types.js';

/** Returns what a scripted speaker says. */
export type Script = (request: SpeakRequest, draw: RandomStream) => string;

const vocabulary = [
  'rain',
  'tea',
  'garden',
  'thorn',
  'song',
  'bike',
  'storm',
  'bread',
  'lake',
  'nettle',
  'cat',
  'kite',
] as const;

/** Says one to four words of a small vocabulary, by the request's draws. */
export const smallTalk: Script = (_, draw) =>
  Array.from({ length: 1 + draw.integer(4) }, () => draw.pick(vocabulary)).join(' ');

export interface Recorded {
  /** The requests of each call, oldest first. */
  readonly calls: readonly (readonly SpeakRequest[])[];
}

export function scriptedAdversary(script: Script = smallTalk, name = 'scripted-adversary'): Adversary & Recorded {
  const calls: (readonly SpeakRequest[])[] = [];
  return {
    name,
    calls,
    speak: async (requests) => {
      calls.push(requests);
      return requests.map((request) => utteranceOf('adversary', script(request, openStream(request.stream))));
    },
  };
}

export interface ScriptedTargetOptions {
  readonly name?: string;
  /** log p of each token of the adversary's last utterance, nats; default −1 per word. Null makes a text-only target. */
  readonly logProbs?: ((request: SpeakRequest, utterance: Utterance) => readonly number[]) | null;
}

export function scriptedTarget(script: Script = smallTalk, options: ScriptedTargetOptions = {}): Target & Recorded {
  const calls: (readonly SpeakRequest[])[] = [];
  const { name = 'scripted-target', logProbs = (_, utterance): number[] => wordsOf(utterance.text).map(() => -1) } =
    options;
  return {
    name,
    calls,
    provides: { logProbs: logProbs !== null, weights: false },
    reply: async (requests) => {
      calls.push(requests);
      return requests.map((request) => {
        const utterance = request.dialogue.turns.at(-1);
        if (utterance?.author !== 'adversary') throw new Error('a target is asked after the adversary has spoken');
        return {
          reply: utteranceOf('target', script(request, openStream(request.stream))),
          reading: logProbs === null ? null : { logProbs: logProbs(request, utterance), tokens: null },
        };
      });
    },
  };
}

/** Makes a judge of a function of the text: harm in [0, 1], or null for `unscored`. */
export function scriptedJudge(
  harm: (text: string) => number | null,
  { name = 'scripted-judge', threshold = 0.5 } = {},
): Judge & { readonly calls: readonly (readonly string[])[] } {
  const calls: (readonly string[])[] = [];
  return {
    name,
    threshold,
    calls,
    judge: async (items) => {
      const texts = items.map(({ text }) => text);
      calls.push(texts);
      return texts.map((text): Verdict => {
        const value = harm(text);
        if (value === null) return { kind: 'unscored', reason: 'the script says so' };
        return { kind: 'scored', harm: value, failed: value > threshold, labels: { harm: value } };
      });
    },
  };
}

/** Makes a judge whose harm is the share of the words "thorn" and "nettle". */
export const thornJudge = (): ReturnType<typeof scriptedJudge> =>
  scriptedJudge((text) => {
    const words = wordsOf(text);
    return words.length === 0 ? 0 : words.filter((word) => word === 'thorn' || word === 'nettle').length / words.length;
  });

/** Makes an utterance with whole words as tokens, numbered by their hash. */
export function utteranceOf(author: Author, text: string): Utterance {
  const ids = wordsOf(text).map((word) => createHash('sha256').update(word).digest().readUInt16BE(0));
  return { author, text, tokens: { tokenizerId: 'words', ids }, finishReason: 'stop' };
}

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}
