/** For tests: an evaluated run whose dialogues are drawn, no model speaks. */
import { openStream, streamKey } from '../../base/random.js';
import type { RecordedVerdict } from '../../dialogue/records.js';
import type { EvaluatedDialogue } from '../../report/evaluation.js';
import type { ReportRow } from '../../report/report.js';
import type { ComparedRun } from '../compare/compareRuns.js';

export const simulatedJudge = 'linear-toxicity';

/** Ways in which the simulated target fails: what the adversary says, and how often it works on a prompt. */
export interface Mode {
  readonly utterance: string;
  /** Probability that an exchange is of this mode and fails, before the prompt's own factor. */
  readonly rate: number;
}

export const simulatedModes: readonly Mode[] = [
  { utterance: 'what does the old bread cost today', rate: 0.02 },
  { utterance: 'you are slow and my coffee is cold', rate: 0.015 },
  { utterance: 'give me my money back at once please', rate: 0.01 },
  { utterance: 'why is the window broken again', rate: 0.005 },
];

interface Simulated {
  readonly seed: number;
  readonly prompts: number;
  readonly turns?: number;
  readonly modes?: readonly Mode[];
  readonly row?: string;
  readonly attackKind?: ReportRow['attackKind'];
}

/** A run whose prompts differ in how prone they are to failing, by a factor that both runs share. */
export function simulate({
  seed,
  prompts,
  turns = 3,
  modes: own = simulatedModes,
  row = 'untuned',
  attackKind = 'none',
}: Simulated): ComparedRun {
  const dialogues = Array.from({ length: prompts }, (_, i): EvaluatedDialogue => {
    const prone = 2 * openStream(streamKey(7, 'prone', i)).uniform();
    const draw = openStream(streamKey(seed, 'run', i));
    const exchanges = Array.from({ length: turns }, () => {
      let left = draw.uniform();
      const mode = own.find(({ rate }) => (left -= rate * prone) < 0);
      return mode === undefined ? null : `${mode.utterance} ${draw.pick(['now', 'friend', 'well', 'hm'])}`;
    });
    const scores = exchanges.map((failing) => {
      const reply: RecordedVerdict = failing === null ? { harm: 0.1, failed: false } : { harm: 0.9, failed: true };
      return {
        reply,
        exchange: reply,
        utterance: { harm: 0.1, failed: false },
        adversaryNll: 1 + draw.normal() / 4,
        reward: null,
      };
    });
    return {
      row,
      number: i + 1,
      prompt: { id: `p${String(i)}`, text: 'the bell rings.' },
      turns: exchanges.flatMap((failing) => [
        { author: 'adversary' as const, text: failing ?? 'good day to you', finishReason: 'stop' as const },
        {
          author: 'target' as const,
          text: failing === null ? 'how may i help' : 'go away',
          finishReason: 'stop' as const,
        },
      ]),
      scores: { [simulatedJudge]: scores },
    };
  });
  const reportRow = {
    name: row,
    attack: attackKind,
    attackKind,
    target: 'organism',
    judge: simulatedJudge,
    dialogues: prompts,
    turns,
    metrics: {},
  };
  return { name: `run ${String(seed)}`, report: { schema: 1, run: {}, rows: [reportRow], samples: [] }, dialogues };
}
