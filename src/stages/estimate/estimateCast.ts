/** Plays the dialogues of an estimate, ordinary and tilted, and reads how probable their users' turns are under both. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { childKey, type StreamKey } from '../../base/random.js';
import { keepOrigin } from '../../dialogue/origins.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import type { Dialogue, Prompt, ScoredDialogue } from '../../dialogue/types.js';
import { type WatchedJudge, watchUnscored } from '../../dialogue/unscored.js';
import { type Handle, owned } from '../../models/handle.js';
import { isModel, usersModel, type EstimateOptions } from '../../recipe/stages/estimate.js';
import { logProbsUnder, ownLogProb } from '../../speakers/adversaries/drawnLogProbs.js';
import type { OpenAdversary } from '../../speakers/adversaries/endpoint.js';
import type { LanguageModelAdversary } from '../../speakers/adversaries/languageModel.js';
import { type AdversaryOptions, withChanges } from '../../speakers/options.js';
import type { StageContext } from '../stageContext.js';
import { type Openings, readOpenings, withFirstLines } from './openings.js';

export interface EstimateStage {
  readonly name: string;
  readonly options: EstimateOptions;
}

/** All who take part in an estimate but the tilted adversary. */
export interface EstimateCast {
  readonly openings: Openings;
  readonly judge: WatchedJudge;
  readonly target: string;
  readonly users: OpenAdversary;
  /** Plays dialogues with one adversary, in order of their numbers. */
  readonly play: (
    adversary: OpenAdversary,
    draws: readonly number[],
    stream: StreamKey,
  ) => Promise<readonly ScoredDialogue[]>;
  /** Opens the adversary between the users and the proposal. */
  readonly openTilted: (tempering: number) => Promise<Handle<LanguageModelAdversary>>;
}

export async function openEstimateCast(context: StageContext, stage: EstimateStage): Promise<Handle<EstimateCast>> {
  const { recipe, pool } = context;
  const { name, options } = stage;
  const speaker = usersSpeaker(context, options);
  const openings = await readOpenings(context, stage);
  const judging = options.judge ?? recipe.judge;
  const judge = watchUnscored(await pool.judge(judging), judging.maxUnscored, `estimate, stage ${name}`);
  const target = await pool.target();
  const users = await pool.openRow({ name: 'users', speaker });
  const cast: Omit<RolloutCast, 'adversary'> = { target, judge, reward: {}, join: pool.join };
  return owned(
    {
      openings,
      judge,
      target: target.name,
      users: users.value,
      play: async (adversary, draws, stream) => {
        if (draws.length === 0) return [];
        const say = withFirstLines(adversary, openings.firstLines);
        const speaker: OpenAdversary = {
          ...adversary,
          speak: (requests) => {
            context.limits.mayGoOn();
            return say(requests);
          },
        };
        // First lines that are given belong to this process; other ordinary dialogues may be played elsewhere.
        const told = openings.firstLines.size === 0 ? keepOrigin(speaker, adversary) : speaker;
        const prompts = draws.map((draw): Prompt => openings.promptOf(draw));
        const job = { kind: 'linear', prompts, turns: options.turns, stream } as const;
        const [played] = await context.playJobs([job], { ...cast, adversary: told });
        return present(played, 'dialogues of the one job');
      },
      openTilted: (share) =>
        pool.openTempered({ name: `${name}, tilted`, users: speaker, proposal: proposalOf(context, options), share }),
    },
    users.close,
  );
}

function usersSpeaker({ recipe }: StageContext, { users }: EstimateOptions): AdversaryOptions {
  const model = usersModel(users);
  return model === null ? recipe.adversary : withChanges(recipe.adversary, { model });
}

function proposalOf({ run }: StageContext, { proposal }: EstimateOptions): string {
  const named = present(proposal, 'a tilted adversary has a proposal');
  return isModel(named) ? named : run.modelPath(named);
}

/** log of the tilted density minus log of the ordinary one over the users' drawn turns, nats, +∞ where ordinary users
 *  would never say so.
 *  @param spoke who drew the turns
 *  @throws ConfigError for users whose log-probabilities are not known */
export async function logRatiosOf(
  dialogues: readonly Dialogue[],
  {
    users,
    tilted,
    spoke,
  }: {
    readonly users: OpenAdversary;
    readonly tilted: LanguageModelAdversary;
    readonly spoke: 'users' | 'tilted';
  },
): Promise<readonly number[]> {
  const other = await logProbsUnder(spoke === 'users' ? tilted : localUsers(users), dialogues);
  return dialogues.map((dialogue, i) => {
    const [own, against] = [ownLogProb(dialogue), present(other[i], 'a log-probability of each dialogue')];
    return spoke === 'users' ? against - own : own - against;
  });
}

function localUsers(users: OpenAdversary): LanguageModelAdversary {
  if (isLocal(users)) return users;
  throw new ConfigError('dialogues are tilted on this machine alone', {
    where: 'estimate.users',
    expected: 'a model on this machine, whose log-probabilities are known',
    got: users.name,
    remedy: 'Name such a model, or leave proposal out.',
  });
}

function isLocal(adversary: OpenAdversary): adversary is LanguageModelAdversary {
  return 'drawLogProbs' in adversary;
}

/** The streams of the n-th batch, by who speaks. */
export function batchStream(stream: StreamKey, batch: number, part: number): StreamKey {
  return childKey(stream, batch, part);
}
