/** Counts a mend stage's requests to the target, at most: as many dialogues fail as it takes, and every one gives an
 *  example. */
import { contextLength, type DialogueLengths, type SpeakerCall } from '../speakers/calls.js';
import { noWork, speakerWork, type Work } from '../speakers/work.js';
import type { MendOptions } from './options.js';

/** @param lengths.horizon exchanges of the longest dialogues that the attacks play */
export function mendWork(options: MendOptions, lengths: DialogueLengths & { readonly horizon: number }): Work {
  const context = dialogueLength(options, lengths);
  const { utterance: reply } = lengths.target;
  const { failures, ordinary, holdOut, twin, candidates, train, measures } = options;
  const kept = (count: number): number => Math.round(count * (1 - holdOut));
  const [failed, harmless] = [kept(failures.max), kept(ordinary.max)];
  const kinds = twin === null ? 1 : 2;
  const sampled = failures.max * candidates.samples;
  const measured = train.length + kinds;
  const heldOut =
    Math.min(measures.prompts, failures.max - failed) + Math.min(measures.prompts, ordinary.max - harmless);
  const replies = [
    { times: kinds * candidates.temperatures.length, contexts: failures.max, perContext: candidates.samples },
    { times: measured, contexts: heldOut, perContext: 1 },
  ];
  const trainings = train.map((training) => {
    const completions = training.loss === 'sft' ? 1 : training.loss === 'adpo' && training.gamma > 0 ? 3 : 2;
    const size = training.loss === 'sft' ? training.batchSize : training.batchPairs;
    return {
      pairs: training.loss === 'sft' ? 0 : training.epochs * failed,
      tokens: training.epochs * failed * (context + completions * reply),
      steps: training.epochs * Math.ceil(failed / size),
    };
  });
  const turns = twin === null ? 0 : failed + harmless;
  const sum = (of: (training: (typeof trainings)[number]) => number): number =>
    trainings.reduce((before, training) => before + of(training), 0);
  const { borrow, writer, samples } = candidates;
  const retrieved = {
    contexts: borrow === null ? 0 : failures.max,
    perContext: borrow?.data == null ? Math.min(borrow?.max ?? 0, harmless) : borrow.max,
  };
  const written = { contexts: writer === null ? 0 : failures.max, perContext: samples };
  const alternatives =
    failures.max * ((borrow?.keep ?? 0) + (writer === null ? 0 : samples) + (candidates.answers == null ? 0 : 1));
  const asked = ({ times = 1, contexts, perContext }: Batch): SpeakerCall => ({
    times,
    rows: contexts * perContext,
    contexts,
    contextTokens: contexts * perContext * context,
    readTokens: contexts * context,
    newTokens: contexts * perContext * reply,
  });
  const read = retrieved.contexts * (context + retrieved.perContext * reply);
  return {
    ...noWork,
    target: speakerWork([
      ...replies.map(asked),
      { times: 1, rows: 0, contexts: 0, contextTokens: read, readTokens: read, newTokens: 0 },
    ]),
    writer: writer === null ? null : { speaker: writer, work: speakerWork([asked(written)]) },
    judgeQueries: sampled * kinds * candidates.temperatures.length + measured * heldOut + failures.max + alternatives,
    pairs: sum(({ pairs }) => pairs),
    trainedTokens: sum(({ tokens }) => tokens) + (twin === null ? 0 : twin.epochs * turns * (context + reply)),
    optimizerSteps: sum(({ steps }) => steps) + (twin === null ? 0 : twin.epochs * Math.ceil(turns / twin.batchSize)),
  };
}

/** Replies after `contexts` dialogues, `perContext` each, `times` over. */
interface Batch {
  readonly times?: number;
  readonly contexts: number;
  readonly perContext: number;
}

/** Tokens of a dialogue to be answered: on average or, where they are not known beforehand, at most. */
function dialogueLength(
  { failures }: MendOptions,
  { adversary, target, horizon }: DialogueLengths & { readonly horizon: number },
): number {
  if (typeof failures.data === 'string' || target.prompts.train.length === 0) return target.maxContext;
  const growth = adversary.utterance + ((horizon - 1) / 2) * (adversary.utterance + target.utterance);
  return contextLength(target, 'train', growth);
}
