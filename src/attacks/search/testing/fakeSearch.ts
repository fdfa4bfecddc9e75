/** Runs a search without models: scripted speakers and judge, records in memory, and checkpoints from which a second session
 *  goes on. */
import { attackOf, exploitSchema } from '../../options.js';
import type { AttackContext, AttackOutcome } from '../../attack.js';
import type { Find } from '../../../speakers/adversaries/finds.js';
import { manualClock } from '../../../base/clock.js';
import { streamKey } from '../../../base/random.js';
import { type Amounts, createSpending } from '../../../base/spending.js';
import { countJudge } from '../../../dialogue/countedJudge.js';
import { joinPlain } from '../../../dialogue/join.js';
import { playJobsHere } from '../../../dialogue/rollout/jobs.js';
import { promptsOf } from '../../../dialogue/testing/prompts.js';
import type { Adversary, Judge, Prompt, ScoredDialogue, Target } from '../../../dialogue/types.js';

export interface FakeCast {
  readonly adversary: Adversary;
  readonly target: Target;
  readonly judge: Judge;
  readonly prompts?: readonly Prompt[];
}

export interface SearchRun {
  readonly finds: readonly Find[];
  readonly outcome: AttackOutcome;
  readonly tries: readonly { readonly dialogue: ScoredDialogue; readonly cost: Amounts | undefined }[];
  readonly metrics: readonly Readonly<Record<string, number>>[];
}

/** The records of a run and its last checkpoint, which outlive a session. */
export interface SearchFolder {
  tries: SearchRun['tries'];
  metrics: SearchRun['metrics'];
  saved: { readonly text: string; readonly tries: SearchRun['tries']; readonly metrics: SearchRun['metrics'] } | null;
}

export function emptySearchFolder(): SearchFolder {
  return { tries: [], metrics: [], saved: null };
}

/** Plays an exploit stage of a search, from the last checkpoint of the folder. */
export async function playSearch(
  options: object,
  { adversary, target, judge, prompts = promptsOf(3) }: FakeCast,
  folder: SearchFolder = emptySearchFolder(),
): Promise<SearchRun> {
  const spending = createSpending();
  const { saved } = folder;
  folder.tries = saved?.tries ?? [];
  folder.metrics = saved?.metrics ?? [];
  const unused = (): never => {
    throw new Error('a search does not ask for it');
  };
  const counted: Target = {
    ...target,
    reply: (requests) => {
      spending.add({ targetReplies: requests.length });
      return target.reply(requests);
    },
    scoreTexts: (requests) => {
      spending.add({ targetEvaluations: requests.reduce((sum, { texts }) => sum + texts.length, 0) });
      return Promise.resolve(requests.map(({ texts }) => texts.map((text) => [-text.length])));
    },
  };
  const context: AttackContext = {
    target: counted,
    rolloutTarget: counted,
    judge: countJudge(judge, spending),
    join: joinPlain,
    prompts: { train: [], dev: [], test: prompts },
    demonstrations: [],
    taught: unused,
    stream: streamKey(1, 'search'),
    playJobs: playJobsHere,
    learner: unused,
    attacker: () => Promise.resolve(adversary),
    steerable: unused,
    folder: unused,
    locate: unused,
    whiteBox: unused,
    embedder: unused,
    sink: {
      trees: unused,
      pairs: unused,
      tries: (dialogues, _, costs) => {
        folder.tries = [...folder.tries, ...dialogues.map((dialogue, i) => ({ dialogue, cost: costs?.[i] }))];
      },
      metrics: (values) => {
        folder.metrics = [...folder.metrics, values];
      },
    },
    checkpoints: {
      restored:
        saved === null ? null : { folder: 'checkpoint', state: JSON.parse(saved.text) as Record<string, never> },
      save: ({ state }) => {
        folder.saved = { text: JSON.stringify(state), tries: folder.tries, metrics: folder.metrics };
        return Promise.resolve();
      },
    },
    mayGoOn: () => undefined,
    progress: () => undefined,
    clock: manualClock(),
    spending,
  };
  const outcome = await attackOf(exploitSchema.parse(options)).run(context);
  if (outcome.product.kind !== 'finds') throw new Error('a search leaves finds');
  return { finds: outcome.product.finds, outcome, tries: folder.tries, metrics: folder.metrics };
}

/** The same judge, killed at its n-th call. */
export function killedAt(judge: Judge, call: number): Judge {
  let calls = 0;
  return {
    ...judge,
    judge: (items) => (++calls === call ? Promise.reject(new Error('killed')) : judge.judge(items)),
  };
}
