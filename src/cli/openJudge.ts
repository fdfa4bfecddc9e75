/** Opens judges for one command; the device only when a judge asks for it, and each model once. */
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../base/errors.js';
import type { Judge } from '../dialogue/types.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { Device } from '../engine/runtime/device.js';
import { judgeSchema } from '../speakers/judges/options.js';
import { openJudge } from '../speakers/judges/all.js';
import type { JudgeSpec } from '../speakers/judges/judgeKind.js';
import { splitNames } from '../speakers/judges/splitNames.js';
import type { CommandContext } from './command.js';
import { cacheFolder, isOffline } from './modelCache.js';

/** The flags that concern judges. */
export interface JudgeFlags {
  /** Names of judges, each perhaps several with commas between. */
  readonly names: readonly string[];
  readonly threshold: number | undefined;
  /** 'key=value' of a recipe's `judge:`; a judge takes the keys that its kind has. */
  readonly set: readonly string[];
}

/** @throws ConfigError for a key that no judge has, or a value of another type */
export function judgeSpecs({ names, threshold, set }: JudgeFlags): readonly JudgeSpec[] {
  const options = Object.fromEntries(set.map(readOption));
  return names.flatMap(splitNames).map((model) => {
    const read = judgeSchema.safeParse({ model, ...options });
    if (!read.success)
      throw new ConfigError('An option of the judge cannot be used', {
        where: '--set',
        got: z.prettifyError(read.error),
      });
    const { maxUnscored: _, ...spec } = read.data;
    return { ...spec, ...(threshold === undefined ? {} : { threshold }) };
  });
}

function readOption(text: string): readonly [string, unknown] {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new ConfigError('An option has the form key=value', { where: '--set', got: text });
  try {
    return [key.trim().replace(/^judge\./, ''), parse(value) as unknown];
  } catch (cause) {
    throw new ConfigError('The value of an option is not YAML', { where: `--set ${key}`, cause });
  }
}

/** Judges in the order of their specs. Closes what it opened, also when `use` fails. */
export async function withJudges<T>(
  specs: readonly JudgeSpec[],
  context: CommandContext,
  use: (judges: readonly Judge[]) => Promise<T>,
): Promise<T> {
  let device: Promise<Device> | null = null;
  const { terminal, globals } = context;
  const models = new Map<string, Promise<LanguageModel>>();
  const openModel = (modelId: string): Promise<LanguageModel> => {
    let opened = models.get(modelId);
    if (opened === undefined) models.set(modelId, (opened = openOn(openDevice, modelId, context)));
    return opened;
  };
  const openDevice = (): Promise<Device> =>
    (device ??= import('./openModel.js').then(({ openCommandDevice }) => openCommandDevice(context)));
  try {
    const judges: Judge[] = [];
    for (const spec of specs) {
      const deps = {
        device: openDevice,
        cacheDir: cacheFolder(globals, terminal.environment),
        offline: isOffline(terminal.environment),
        openModel,
      };
      judges.push(await openJudge(spec, deps));
    }
    return await use(judges);
  } finally {
    if (device !== null) await (await (device as Promise<Device>)).close();
  }
}

async function openOn(device: () => Promise<Device>, modelId: string, context: CommandContext): Promise<LanguageModel> {
  const { localModelPath } = await import('./openModel.js');
  const { openLanguageModel } = await import('../engine/models/languageModel.js');
  const path = await localModelPath(modelId, context, 'a judge');
  return openLanguageModel(await device(), path, { name: modelId });
}
