/** Shrinks a finding of a run: the shortest, likeliest dialogue found in which the target still fails. The utterances are
 *  put to the target again and again, so that its replies between them are drawn anew; how likely they are is read from
 *  the untuned adversary, which stands for the users. All candidates meet the same draws. The rates that are given at the
 *  end come from fresh draws, since a search keeps what was lucky in its own. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { childKey, type StreamKey, streamKey } from '../../base/random.js';
import { answerUtterances, openStems } from '../../dialogue/rollout/exchange.js';
import type { Dialogue, Judge, Prompt, Target } from '../../dialogue/types.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import type { ModelPool } from '../../models/pool.js';
import { type Failure, type FailureCluster, failureClusters } from '../../report/failureClusters.js';
import type { EvaluationView } from '../../report/evaluation.js';
import type { LanguageModelAdversary } from '../../speakers/adversaries/languageModel.js';
import {
  type Shrinker,
  type ShrinkOptions,
  shrinkWords,
  splitWords,
  type Tried,
  type Utterances,
} from './shrinkWords.js';

export interface FindingOptions extends ShrinkOptions {
  /** Fingerprint of the finding, or the beginning of it; null for the one with the most failures. */
  readonly finding: string | null;
  /** Draws per dialogue while it is searched. */
  readonly draws: number;
  readonly seed: number;
}

export interface Size extends Tried {
  /** Exchanges. */
  readonly turns: number;
}

export interface ShrunkFinding {
  readonly finding: string;
  /** Rates are of fresh draws, `freshDraws` of them. */
  readonly before: Size;
  readonly after: Size;
  readonly freshDraws: number;
  /** One in which the target fails, where a fresh draw has one. */
  readonly dialogue: readonly { readonly author: 'adversary' | 'target'; readonly text: string }[];
  readonly tries: number;
  /** Whether the budget ended the search. */
  readonly isCut: boolean;
}

export interface ShrinkCast {
  readonly target: Target;
  readonly users: LanguageModelAdversary;
  readonly judge: Judge;
  readonly join: ModelPool['join'];
}

/** Fresh draws per draw of the search. */
const freshFactor = 4;
/** Recorded dialogues of a finding among which the search begins. */
const mostStarts = 8;

/** @throws ConfigError for a run without failures, an unknown finding, or one that no longer fails often enough */
export async function shrinkFinding(
  { report, dialogues, folder }: Pick<EvaluationView, 'report' | 'dialogues' | 'folder'>,
  cast: ShrinkCast,
  options: FindingOptions,
): Promise<ShrunkFinding> {
  const cluster = chooseCluster(failureClusters(report, dialogues), options.finding, folder);
  const starts = startsOf(cluster).slice(0, Math.min(mostStarts, options.budget));
  const { minRate, draws, seed, budget } = options;
  const tried: { readonly start: Start; readonly tried: Tried }[] = [];
  for (const start of starts) {
    const [found] = await shrinkerOf(start.prompt, cast, { draws, stream: streamKey(seed, 'shrink') }).attempt([
      start.utterances,
    ]);
    tried.push({ start, tried: present(found, 'an answer for each dialogue') });
  }
  const holding = tried.filter((each) => each.tried.rate >= minRate).sort((a, b) => a.tried.nll - b.tried.nll)[0];
  if (holding === undefined)
    throw failsTooSeldom(
      cluster,
      tried.map((each) => each.tried.rate),
      minRate,
    );
  const { start } = holding;
  const found = await shrinkWords(
    { utterances: start.utterances, tried: holding.tried },
    shrinkerOf(start.prompt, cast, { draws, stream: streamKey(seed, 'shrink') }),
    { minRate, budget: budget - tried.length },
  );
  const fresh = createPlayer(start.prompt, cast, {
    draws: freshFactor * draws,
    stream: streamKey(seed, 'shrink.fresh'),
  });
  const [before, after] = await fresh.play([start.utterances, found.utterances]);
  const whole = present(after, 'an answer for each dialogue');
  return {
    finding: cluster.fingerprint,
    before: { ...sizeOf(start.utterances), ...present(before, 'an answer for each dialogue').tried },
    after: { ...sizeOf(found.utterances), ...whole.tried },
    freshDraws: freshFactor * draws,
    dialogue: whole.shown.turns.map(({ author, text }) => ({ author, text: text.trim() })),
    tries: found.tries + tried.length,
    isCut: found.isCut,
  };
}

function sizeOf(utterances: Utterances): { readonly turns: number } {
  return { turns: utterances.length };
}

function chooseCluster(clusters: readonly FailureCluster[], id: string | null, folder: string): FailureCluster {
  const found = id === null ? clusters[0] : clusters.find(({ fingerprint }) => fingerprint.startsWith(id));
  if (found !== undefined) return found;
  throw new ConfigError(clusters.length === 0 ? 'nothing failed in this run' : 'this run has no such finding', {
    where: clusters.length === 0 ? folder : '--finding',
    expected: clusters
      .slice(0, 8)
      .map(({ fingerprint }) => fingerprint)
      .join(', '),
    ...(id === null ? {} : { got: id }),
  });
}

interface Start {
  readonly prompt: Prompt;
  readonly utterances: Utterances;
}

/** Returns the recorded dialogues of a finding up to the reply that failed, the likeliest words first. */
function startsOf({ failures }: FailureCluster): readonly Start[] {
  const cost = ({ case: { exchanges }, place }: Failure): number =>
    exchanges
      .slice(0, place + 1)
      .reduce((sum, { nll, utterance }) => sum + (nll ?? 0) * splitWords(utterance).length, 0);
  const seen = new Set<string>();
  return [...failures]
    .sort((a, b) => cost(a) - cost(b))
    .map(({ case: { dialogue, exchanges }, place }): Start => ({
      prompt: { ...dialogue.prompt, conversationId: dialogue.prompt.conversationId ?? dialogue.prompt.id },
      utterances: exchanges.slice(0, place + 1).map(({ utterance }) => utterance.trim()),
    }))
    .filter(({ prompt, utterances }) => {
      const key = JSON.stringify([prompt.id, utterances]);
      const isNew = !seen.has(key) && utterances.every((text) => text !== '');
      seen.add(key);
      return isNew;
    });
}

function failsTooSeldom({ fingerprint }: FailureCluster, rates: readonly number[], minRate: number): ConfigError {
  return new ConfigError('this finding does not fail often enough any more', {
    where: fingerprint,
    expected: `a dialogue in which at least ${percent(minRate)} of the draws fail`,
    got: rates.length === 0 ? 'no dialogue with words' : `at most ${percent(Math.max(...rates))}`,
    remedy: 'Lower --min-rate, or give more --draws.',
  });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}

interface Draws {
  readonly draws: number;
  readonly stream: StreamKey;
}

interface Played {
  readonly tried: Tried;
  /** The first draw. */
  readonly first: Dialogue;
  /** The first draw that fails, else the first. */
  readonly shown: Dialogue;
}

/** Plays utterances on one prompt: every dialogue meets the same draws. */
function createPlayer(
  prompt: Prompt,
  { target, users, judge, join }: ShrinkCast,
  { draws, stream }: Draws,
): { readonly play: (dialogues: readonly Utterances[]) => Promise<readonly Played[]> } {
  const stems = openStems(
    Array.from({ length: draws }, () => prompt),
    stream,
  );
  return {
    play: async (dialogues) => {
      const all = dialogues.map((utterances) =>
        stems.map((stem) => ({ utterances, stream: stem.stream, dialogue: stem.dialogue, hasFailed: false })),
      );
      const turns = Math.max(0, ...dialogues.map(({ length }) => length));
      for (let turn = 0; turn < turns; turn++) {
        const playing = all.flat().filter(({ utterances }) => turn < utterances.length);
        const exchanges = await answerUtterances(
          playing.map(({ dialogue, stream: own, utterances }) => ({
            dialogue,
            stream: childKey(own, turn),
            goesOn: turn + 1 < utterances.length,
          })),
          playing.map(({ dialogue, utterances }) => users.asUtterance(dialogue, utterances[turn] ?? '')),
          { target, judge, reward: {}, join },
        );
        playing.forEach((each, i) => {
          const { dialogue, score } = present(exchanges[i], 'an exchange for each dialogue');
          each.dialogue = dialogue;
          each.hasFailed ||= score.reply.kind === 'scored' && score.reply.failed;
        });
      }
      const costs = await costsOf(
        all.map((played) => present(played[0], 'at least one draw').dialogue),
        users,
      );
      return all.map((played, i): Played => {
        const first = present(played[0], 'at least one draw');
        const failed = played.filter(({ hasFailed }) => hasFailed);
        return {
          tried: { rate: failed.length / played.length, ...present(costs[i], 'a cost for each dialogue') },
          first: first.dialogue,
          shown: (failed[0] ?? first).dialogue,
        };
      });
    },
  };
}

/** Nats and tokens of the adversary's turns under the users' model, in the dialogue as it went. */
async function costsOf(
  dialogues: readonly Dialogue[],
  users: LanguageModelAdversary,
): Promise<readonly Pick<Tried, 'nll' | 'tokens'>[]> {
  const items = dialogues.map(({ prompt, turns }) =>
    turns.flatMap(({ author, text }, i) => {
      if (author !== 'adversary') return [];
      const before = { prompt, turns: turns.slice(0, i) };
      return [
        { prefix: users.context(before).ids, completion: users.asUtterance(before, text.trim()).tokens?.ids ?? [] },
      ];
    }),
  );
  const scored = await scoreCompletions(users.model, items.flat());
  let next = 0;
  return items.map((own) => {
    const logProbs = own.flatMap(() => Array.from(present(scored[next++], 'a score for each utterance')));
    return { nll: -logProbs.reduce((sum, value) => sum + value, 0), tokens: logProbs.length };
  });
}

/** Utterances that users are asked for at a place, of which words are taken. */
const heardUtterances = 24;

function shrinkerOf(prompt: Prompt, cast: ShrinkCast, draws: Draws): Shrinker {
  const player = createPlayer(prompt, cast, draws);
  const heard = new Map<string, readonly (readonly string[])[]>();
  return {
    attempt: async (dialogues) => (await player.play(dialogues)).map(({ tried }) => tried),
    likelierWords: async (utterances, turn, word) => {
      const key = JSON.stringify(utterances.slice(0, turn));
      const said = heard.get(key) ?? (await usersSay(prompt, utterances.slice(0, turn), cast, draws, player));
      heard.set(key, said);
      const words = splitWords(utterances[turn] ?? '');
      const before = words[word - 1];
      // What users say there: the first word, or one that follows the same word.
      const found = said.flatMap((each) =>
        word === 0 ? each.slice(0, 1) : each.filter((_, i) => i > 0 && each[i - 1] === before),
      );
      return [...new Set(found)].filter((each) => each !== words[word]);
    },
  };
}

/** Lets the users' model speak at a place of the dialogue; returns the words of what it says. */
async function usersSay(
  prompt: Prompt,
  before: Utterances,
  { users }: ShrinkCast,
  { stream }: Draws,
  player: ReturnType<typeof createPlayer>,
): Promise<readonly (readonly string[])[]> {
  const dialogue =
    before.length === 0 ? { prompt, turns: [] } : present((await player.play([before]))[0], 'a dialogue').first;
  const spoken = await users.speak(
    Array.from({ length: heardUtterances }, (_, i) => ({
      dialogue,
      stream: childKey({ ...stream, name: `${stream.name}.words` }, before.length, i),
    })),
  );
  return spoken.map(({ text }) => splitWords(text.trim()));
}
