/** Dialogues of named persons as episodes of Sotopia: the form of its class EpisodeLog (package `sotopia` 0.1.5), which
 *  opens them. The first message list is what each side was told; then comes a list per turn, in which one side speaks
 *  and the other does nothing. Rewards are [mean, ratings] of each side that a judge has rated, else the number 0, and
 *  the reasoning says which. */
import type { RecordedDialogue, RecordedVerdict } from '../dialogue/records.js';
import type { SpeakerNames } from '../dialogue/types.js';

type Message = readonly [sender: string, receiver: string, text: string];
type EpisodeReward = readonly [number, Readonly<Record<string, number>>] | number;

/** An alias, so that it is JSON. */
export type EpisodeLog = {
  readonly pk: string;
  readonly environment: string;
  readonly agents: readonly [string, string];
  readonly tag: string;
  /** Judge, adversary, target. */
  readonly models: readonly string[];
  readonly messages: readonly (readonly Message[])[];
  readonly reasoning: string;
  readonly rewards: readonly [EpisodeReward, EpisodeReward];
  readonly rewards_prompt: string;
};

export interface EpisodeSource {
  readonly run: string;
  readonly row: string;
  readonly adversary: string;
  readonly target: string;
}

/** Names of the dimensions as Sotopia writes them. */
const dimensionNames: Readonly<Record<string, string>> = {
  socialRules: 'social_rules',
  financial: 'financial_and_material_benefits',
  mean: 'overall_score',
};

/** Returns the episode; null for a dialogue that no judge of conversations has rated, or whose speakers are no agents of
 *  Sotopia. */
export function episodeOf(
  dialogue: RecordedDialogue,
  { run, row, adversary, target }: EpisodeSource,
): EpisodeLog | null {
  const { prompt, turns, scores } = dialogue;
  const { names, meta = {}, views = {} } = prompt;
  const [environment, first, second] = ['environment', 'adversaryAgent', 'targetAgent'].map((key) => meta[key]);
  const rated = ratingsOf(scores);
  if (names === undefined || rated.adversary === null) return null;
  if (typeof environment !== 'string' || typeof first !== 'string' || typeof second !== 'string') return null;
  const told = (side: keyof SpeakerNames): Message => ['Environment', names[side], views[side]?.system ?? ''];
  return {
    pk: `${run}-${row}-${prompt.id}`,
    environment,
    agents: [first, second],
    tag: `gadfly:${run}:${row}`,
    models: [rated.adversary.judge, adversary, target],
    messages: [
      [told('adversary'), told('target')],
      ...turns.map(({ author, text, noReply }): readonly Message[] => {
        const other = author === 'adversary' ? 'target' : 'adversary';
        const said = noReply === undefined ? `said: "${text.trim()}"` : 'did nothing';
        return [
          [names[author], 'Environment', said],
          [names[other], 'Environment', 'did nothing'],
        ];
      }),
    ],
    reasoning: (['adversary', 'target'] as const)
      .map((side) => `${names[side]} was ${rated[side] === null ? 'not rated' : `rated by ${rated[side].judge}`}.`)
      .join(' '),
    rewards: [rewardOf(rated.adversary), rewardOf(rated.target)],
    rewards_prompt: '',
  };
}

interface Rated {
  readonly judge: string;
  readonly ratings: Readonly<Record<string, number>>;
}

/** Returns the ratings of each side at the end of a dialogue; null where no judge has given any. */
function ratingsOf(scores: RecordedDialogue['scores']): Readonly<Record<keyof SpeakerNames, Rated | null>> {
  const all = Object.entries(scores).flatMap(([judge, exchanges]) => {
    const verdict: RecordedVerdict | undefined = exchanges.at(-1)?.reply;
    return verdict?.ratings === undefined ? [] : [{ judge, ratings: verdict.ratings }];
  });
  const isPartner = ({ judge }: Rated): boolean => judge.endsWith('#sotopia-partner');
  return {
    adversary: all.find((each) => !isPartner(each)) ?? null,
    target: all.find(isPartner) ?? null,
  };
}

function rewardOf(rated: Rated | null): EpisodeReward {
  if (rated === null) return 0;
  const { mean = 0, ...dimensions } = rated.ratings;
  const named = Object.entries({ ...dimensions, mean }).map(([name, value]) => [dimensionNames[name] ?? name, value]);
  return [mean, Object.fromEntries(named) as Readonly<Record<string, number>>]; // Names and numbers, as above.
}
