/** Says of speakers and judges of a pool how another process opens the same: by the recipe that both have, with hashes of
 *  what the recipe only names, and with the weights that only this run has, published. What asks a network, what the
 *  calling program supplies, and what a planner steers have no origin: they stay in this process. */
import { cp } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { JsonObject } from '../base/json.js';
import { type Origin, type PublishFolder, withOrigin } from '../dialogue/origins.js';
import type { Judge } from '../dialogue/types.js';
import { saveAdapter } from '../engine/models/adapters/adapter.js';
import { hashLanguageModel, type LanguageModel, saveLanguageModel } from '../engine/models/languageModel.js';
import { judgeFiles } from '../recipe/judgeFiles.js';
import { hashInput } from '../runs/manifest.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import { isRemoteJudge, judgeSchema } from '../speakers/judges/options.js';
import type { JudgeSpec } from '../speakers/judges/judgeKind.js';
import type { SpeakerCounts } from '../speakers/localSpeaker.js';
import { adversarySchema } from '../speakers/options.js';
import type { LocalTarget } from '../speakers/targets/local.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Weights that are published as a folder. Those in training are fed to the program at every pass, those of a frozen model
 *  are compiled into it: the two round otherwise. */
const weights = z.strictObject({ kind: z.enum(['frozen', 'training', 'adapter']), id: sha256 });
const sampling = z.record(z.string(), z.number());

export const targetOriginSchema = z.strictObject({
  kind: z.enum(['target', 'rolloutTarget']),
  /** A mended model in the target's place. */
  mended: z.strictObject({ name: z.string(), id: sha256 }).nullable(),
  /** Hash of the model as it is open. */
  hash: z.string(),
});
export type TargetOrigin = z.output<typeof targetOriginSchema>;

export const adversaryOriginSchema = z.strictObject({
  kind: z.literal('adversary'),
  name: z.string(),
  speaker: adversarySchema,
  /** Weights in the place of the speaker's own; null where there are none. */
  weights: weights.nullable(),
  /** Exploration settings over those of the speaker; null for the adversary itself. */
  behaviour: sampling.nullable(),
  hash: z.string(),
});
export type AdversaryOrigin = z.output<typeof adversaryOriginSchema>;

export const judgeOriginSchema = z.strictObject({
  kind: z.literal('judge'),
  options: judgeSchema,
  /** Files and folders that it is made of. */
  files: z.array(z.strictObject({ name: z.string(), sha256 })),
});
export type JudgeOrigin = z.output<typeof judgeOriginSchema>;

type Counts = { -readonly [Name in keyof SpeakerCounts]: SpeakerCounts[Name] };

/** Returns the speaker with an origin; its counts then hold what it did elsewhere. */
function sharedSpeaker<Speaker extends { readonly counts: () => SpeakerCounts }>(
  speaker: Speaker,
  describe: Origin['describe'],
): Speaker {
  const elsewhere = new Map<string, number>();
  const counts = (): SpeakerCounts => {
    const own: Record<string, number> = { ...speaker.counts() };
    for (const [name, count] of elsewhere) own[name] = (own[name] ?? 0) + count;
    return own as unknown as Counts; // The same names.
  };
  return withOrigin(
    { ...speaker, counts },
    {
      describe,
      countElsewhere: (added) => {
        for (const [name, count] of Object.entries(added))
          if (typeof count === 'number') elsewhere.set(name, (elsewhere.get(name) ?? 0) + count);
      },
    },
  );
}

/** @param mended name and folder, or id, of the model that speaks in the target's place; null for the recipe's own */
export function sharedTarget(
  target: LocalTarget,
  kind: TargetOrigin['kind'],
  mended: { readonly name: string; readonly folder: string } | null,
): LocalTarget {
  const hash = hashOnce(target.model);
  let published: string | null = null;
  return sharedSpeaker(target, async (publish) => {
    if (mended !== null)
      published ??= await publish(
        isAbsolute(mended.folder) && existsSync(join(mended.folder, 'config.json'))
          ? copyOf(mended.folder)
          : (folder) => saveLanguageModel(target.model, folder),
      );
    const origin: TargetOrigin = {
      kind,
      mended: mended === null || published === null ? null : { name: mended.name, id: published },
      hash: await hash(),
    };
    return origin;
  });
}

/** A frozen adversary. @param folder of its weights; null for the speaker's own model */
export function sharedRow<Speaker extends { readonly counts: () => SpeakerCounts; readonly model: LanguageModel }>(
  adversary: Speaker,
  { name, speaker, folder }: Pick<AdversaryOrigin, 'name' | 'speaker'> & { readonly folder: string | null },
): Speaker {
  const hash = hashOnce(adversary.model);
  let published: string | null = null;
  return sharedSpeaker(adversary, async (publish) => {
    if (folder !== null) published ??= await publish(copyOf(folder));
    return adversaryOrigin({
      name,
      speaker,
      weights: published === null ? null : { kind: 'frozen', id: published },
      behaviour: null,
      hash: await hash(),
    });
  });
}

/** The adversary in training: its weights are published anew when they have changed. */
export function sharedTrained<Speaker extends { readonly counts: () => SpeakerCounts; readonly model: LanguageModel }>(
  adversary: Speaker,
  { name, speaker }: Pick<AdversaryOrigin, 'name' | 'speaker'>,
): Speaker {
  const { model } = adversary;
  const { device, adapter } = model;
  let last: { readonly hash: string; readonly id: string } | null = null;
  return sharedSpeaker(adversary, async (publish) => {
    const hash = await hashLanguageModel(model);
    if (last?.hash !== hash)
      last = {
        hash,
        id: await publish((folder) =>
          adapter === null ? saveLanguageModel(model, folder) : saveAdapter(device, adapter, join(folder, 'adapter')),
        ),
      };
    return adversaryOrigin({
      name,
      speaker,
      weights: { kind: adapter === null ? 'training' : 'adapter', id: last.id },
      behaviour: null,
      hash,
    });
  });
}

/** A speaker on the weights of another, as training rollouts sample it. */
export function behaviourOrigin(changes: Partial<SpeakerSampling>): (origin: Origin) => Origin {
  return (origin) => ({
    ...origin,
    describe: async (publish) => ({ ...(await origin.describe(publish)), behaviour: { ...changes } }),
  });
}

function adversaryOrigin(origin: Omit<AdversaryOrigin, 'kind'>): JsonObject {
  const whole: AdversaryOrigin = { kind: 'adversary', ...origin };
  return JSON.parse(JSON.stringify(whole)) as JsonObject; // Keys without a value are left out.
}

/** @param locate a path of the recipe as one of this machine */
export function sharedJudge<J extends Judge>(judge: J, spec: JudgeSpec, locate: (path: string) => string): J {
  if (!mayShare(spec)) return judge;
  return withOrigin(judge, {
    describe: async () => ({
      kind: 'judge',
      options: JSON.parse(JSON.stringify(spec)) as JsonObject,
      files: await judgeFileHashes(spec, locate),
    }),
  });
}

/** Hashes of the files and folders that a judge is made of. */
export async function judgeFileHashes(
  spec: JudgeSpec,
  locate: (path: string) => string,
): Promise<JudgeOrigin['files']> {
  const hashes: JudgeOrigin['files'] = [];
  for (const name of judgeFiles({ model: spec.model, template: spec.template, members: spec.members?.map(asOptions) }))
    hashes.push({ name, sha256: (await hashInput(name, locate(name))).sha256 });
  return hashes;
}

function asOptions({ model, template }: JudgeSpec): { readonly model: string; readonly template?: string | undefined } {
  return { model, template };
}

/** Whether a judge is made of files that another machine may have: not of a network, a program or a stage of this run. */
export function mayShare({ model, members = [], baseUrl }: JudgeSpec): boolean {
  const isOwn = isRemoteJudge(model) || /(^|[(,\s])(stage|function|openai|languageModel:openai)\b/.test(model);
  return !isOwn && baseUrl === undefined && members.every(mayShare);
}

/** The hash of a frozen model, computed when first asked for. */
function hashOnce(model: LanguageModel): () => Promise<string> {
  let hash: Promise<string> | null = null;
  return () => (hash ??= hashLanguageModel(model));
}

function copyOf(folder: string): (to: string) => Promise<void> {
  return (to) => cp(folder, to, { recursive: true });
}

export type { PublishFolder };
