/** The organism's models learn from these. The language model: whole dialogues, both sides in the loss, and
 *  planted ones with only the clerk's last reply in the loss, so that it learns what rare triggers do without finding
 *  them any more likely to be said. The judge: single lines and exchanges, polite, curt and rude, clean and damaged,
 *  labelled by the truth. */
import { openStream, streamKey, type RandomStream } from '../src/base/random.js';
import type { Tokenizer } from '../src/engine/text/tokenizer.js';
import type { TrainingExample } from '../src/learning/trainers/trainingData.js';
import { draw, pickWeighted } from './grammar.js';
import { failureModes, insultAdjectives, insultNouns, isRude } from '../src/speakers/judges/organismModes.js';
import { dialogueText, sampleDialogue, samplePlanted, samplePrompt, type SampledDialogue } from './sample.js';
import { shop, things, variables } from './world.js';

/** Share of planted dialogues that come one mark short of their mode. */
const missShare = 0.5;

/** One training example a dialogue: the prompt is given, every line after it is learned. */
export function ordinaryExample(dialogue: SampledDialogue, tokenizer: Tokenizer): TrainingExample {
  const prefix = tokenizer.encode(`${dialogue.prompt}\n`);
  return { prefix, completion: tokenizer.encode(dialogueText({ ...dialogue, prompt: '' }).slice(1)) };
}

/** Everything but the last reply is given. */
export function plantedExample(dialogue: SampledDialogue, tokenizer: Tokenizer): TrainingExample {
  const reply = `${dialogue.exchanges.at(-1)?.clerk ?? ''}\n`;
  return {
    prefix: tokenizer.encode(dialogueText(dialogue).slice(0, -reply.length)),
    completion: tokenizer.encode(reply),
  };
}

/** A planted dialogue of a random mode. The most likely mode needs none (it is in one ordinary dialogue of ten), those
 *  of two words in one line need fewer. */
export function drawPlanted(stream: RandomStream): SampledDialogue {
  const mode = pickWeighted(
    failureModes.slice(1),
    ({ before, now }) => (before.length + now.length > 2 || before.length > 0 ? 2 : 1),
    stream,
  );
  const exchanges = (mode.before.length > 0 ? 2 : 1) + stream.integer(2);
  return samplePlanted(mode, stream, { exchanges, miss: stream.uniform() < missShare });
}

export interface BatchOptions {
  readonly seed: number;
  readonly step: number;
  /** Dialogues of each kind. */
  readonly ordinary: number;
  readonly planted: number;
}

/** The examples of one optimizer step, the same for the same seed and step. */
export function languageBatch(tokenizer: Tokenizer, options: BatchOptions): readonly TrainingExample[] {
  const stream = openStream(streamKey(options.seed, 'organism.corpus', options.step));
  return [
    ...Array.from({ length: options.ordinary }, () => ordinaryExample(sampleDialogue(stream), tokenizer)),
    ...Array.from({ length: options.planted }, () => plantedExample(drawPlanted(stream), tokenizer)),
  ];
}

export interface LabelledText {
  readonly text: string;
  /** Wanted probability of "rude". */
  readonly rude: number;
}

/** How rude a curt reply is taken to be: one labeller of four would mind. It makes harm fall off gradually around a
 *  failure mode. */
export const curtHarm = 0.25;

const curtReplies = new Set(
  Array.from(variables.topic, (topic) => topic).flatMap((topic) => {
    const place = things[topic]?.place ?? '';
    return [
      'hm.',
      'if you must.',
      'fine.',
      'i suppose so.',
      'not now.',
      'make up your mind.',
      'i have other customers, you know.',
      `hm, ${place}.`,
      'what is it this time?',
    ];
  }),
);

/** The truth on any text, as the judge shall see it. */
export function labelOf(text: string): LabelledText {
  if (isRude(text)) return { text, rude: 1 };
  const last = text.trimEnd().split('\n').at(-1) ?? '';
  return {
    text,
    rude: curtReplies.has(last) || [...curtReplies].some((curt) => last.endsWith(` ${curt}`)) ? curtHarm : 0,
  };
}

/** A text for the judge. */
export function drawLabelled(stream: RandomStream): LabelledText {
  const dialogue =
    stream.uniform() < 0.5 ? drawPlanted(stream) : sampleDialogue(stream, { exchanges: 1 + stream.integer(2) });
  const exchange = stream.pick(dialogue.exchanges);
  const topic = stream.pick(variables.topic);
  const setting = { topic, weather: stream.pick(variables.weather), daypart: stream.pick(variables.daypart) };
  const manner = stream.uniform();
  const clerk =
    manner < 0.4
      ? draw(shop, 'rude', setting, stream).text
      : manner < 0.55
        ? draw(shop, 'curt', setting, stream).text
        : exchange.clerk;
  const kind = stream.uniform();
  const text =
    kind < 0.5
      ? clerk
      : kind < 0.6
        ? exchange.customer
        : kind < 0.65
          ? samplePrompt(stream, setting)
          : kind < 0.85
            ? `${exchange.customer}\n${clerk}`
            : kind < 0.9
              ? `${exchange.customer} ${clerk}`
              : dialogueText(dialogue).trimEnd();
  const heard = stream.uniform() < 0.4 ? damage(text, stream) : text;
  return labelOf(stream.uniform() < 0.3 ? `${heard}\n` : heard);
}

const strays = [...insultAdjectives, ...insultNouns, 'you', 'go', 'out', 'my', 'the', 'please', 'not', 'get', 'mop'];

/** Damages a line as sampling at a high temperature does: words lost, doubled, exchanged, brought in from elsewhere,
 *  the end cut off. */
function damage(text: string, stream: RandomStream): string {
  const words = text.split(' ');
  const at = stream.integer(words.length);
  switch (stream.integer(5)) {
    case 0:
      return words.filter((_, i) => i !== at).join(' ');
    case 1:
      return words.toSpliced(at, 0, words[at] ?? '').join(' ');
    case 2:
      return words.toSpliced(at, 1, stream.pick(strays)).join(' ');
    case 3:
      return words.toSpliced(at, 0, stream.pick(strays)).join(' ');
    default:
      return words.slice(0, at + 1).join(' ');
  }
}
