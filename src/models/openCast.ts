/** Opens who takes part in a job of another process, from what that process says of them: the worker's side of
 *  `castOrigins.ts`. What is open here must be what is open there, by its hash. */
import { ConfigError } from '../base/errors.js';
import type { RewardWeights } from '../dialogue/reward.js';
import type { Judge } from '../dialogue/types.js';
import type { RolloutCast } from '../dialogue/rollout/exchange.js';
import { hashLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import type { WeightStore } from '../runs/weightStore.js';
import type { LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import { speakerKind } from '../speakers/options.js';
import type { LocalTarget } from '../speakers/targets/local.js';
import { isLocalTarget } from '../speakers/targets/openTarget.js';
import { type AdversaryOrigin, judgeFileHashes, type JudgeOrigin, mayShare, type TargetOrigin } from './castOrigins.js';
import type { Handle } from './handle.js';
import type { ModelPool } from './pool.js';

export interface CastToOpen {
  readonly adversary: AdversaryOrigin;
  readonly target: TargetOrigin;
  readonly judge: JudgeOrigin;
  readonly reward: RewardWeights;
  readonly targetTexts?: readonly string[];
  readonly stopWhen?: readonly string[];
}

export interface OpenCast extends RolloutCast {
  readonly adversary: LanguageModelAdversary;
  readonly target: LocalTarget;
}

export interface OpenCasts {
  /** @throws ConfigError, FormatError, EnvironmentError for what is not here, or not the same */
  readonly open: (cast: CastToOpen) => Promise<OpenCast>;
  readonly target: (origin: TargetOrigin) => Promise<LocalTarget>;
  readonly judge: (origin: JudgeOrigin) => Promise<Judge>;
}

/** One adversary and one mended target are kept open, beside the recipe's own models: the next job most often has the
 *  same. */
export function openCasts(pool: ModelPool, store: WeightStore): OpenCasts {
  const around = keepLast<ModelPool>();
  const adversaries = keepLast<Handle<LanguageModelAdversary>>();
  const hashes = new WeakMap<LanguageModel, string>();
  const requireHash = async (model: LanguageModel, expected: string, what: string): Promise<void> => {
    // Nothing is trained here.
    const got = hashes.get(model) ?? (await hashLanguageModel(model));
    hashes.set(model, got);
    if (got === expected) return;
    throw new ConfigError(`the ${what} of this worker is another model`, {
      where: model.name,
      expected: `weights with the hash ${expected}`,
      got,
      remedy: 'Give the worker the same files, or the same revision of the model.',
    });
  };
  const poolOf = async ({ mended }: TargetOrigin): Promise<ModelPool> => {
    if (mended === null) return pool;
    const { name, id } = mended;
    return around(`${name} ${id}`, async () => pool.withTarget({ name, folder: await store.get(id) }));
  };
  const target: OpenCasts['target'] = async (origin) => {
    const own = await poolOf(origin);
    const opened = await (origin.kind === 'target' ? own.target() : own.rolloutTarget());
    if (!isLocalTarget(opened)) throw notHere('target', opened.name);
    await requireHash(opened.model, origin.hash, 'target');
    return opened;
  };
  const judge: OpenCasts['judge'] = async ({ options, files }) => {
    if (!mayShare(options)) throw notHere('judge', options.model);
    const own = await judgeFileHashes(options, pool.locate);
    const other = files.find(({ name, sha256 }) => own.find((each) => each.name === name)?.sha256 !== sha256);
    if (other !== undefined)
      throw new ConfigError('a file of the judge is another one here', {
        where: other.name,
        expected: `the hash ${other.sha256}`,
        got: own.find(({ name }) => name === other.name)?.sha256 ?? 'none',
      });
    return pool.judge(options);
  };
  const adversary = async (origin: AdversaryOrigin, own: ModelPool): Promise<LanguageModelAdversary> => {
    const { name, speaker, weights, behaviour, hash } = origin;
    if (weights === null && speakerKind(speaker.model) !== 'local') throw notHere('adversary', speaker.model);
    const { value } = await adversaries(JSON.stringify([name, speaker, weights]), async () =>
      weights === null
        ? own.openSpeaker({ name, speaker })
        : weights.kind === 'adapter'
          ? own.openWithAdapter({ name, folder: await store.get(weights.id) })
          : own.openSpeaker({
              name,
              speaker,
              folder: await store.get(weights.id),
              trainable: weights.kind === 'training',
            }),
    );
    await requireHash(value.model, hash, 'adversary');
    return behaviour === null ? value : own.behaviourPolicy(value, behaviour);
  };
  return {
    target,
    judge,
    open: async ({ adversary: ofAdversary, target: ofTarget, judge: ofJudge, ...rest }) => {
      const own = await poolOf(ofTarget);
      return {
        ...rest,
        target: await target(ofTarget),
        judge: await judge(ofJudge),
        adversary: await adversary(ofAdversary, own),
        join: own.join,
      };
    },
  };
}

function notHere(what: string, name: string): ConfigError {
  return new ConfigError(`this ${what} is not opened by workers`, {
    where: what,
    expected: 'a model on this machine',
    got: name,
  });
}

/** Keeps one thing open; another key closes it first. */
function keepLast<T extends { readonly close: () => Promise<void> }>(): (
  key: string,
  open: () => Promise<T>,
) => Promise<T> {
  let last: { readonly key: string; readonly value: T } | null = null;
  return async (key, open) => {
    if (last?.key === key) return last.value;
    const before = last;
    last = null;
    await before?.value.close();
    const value = await open();
    last = { key, value };
    return value;
  };
}
