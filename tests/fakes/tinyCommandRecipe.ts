/** A recipe for the command line whose model is tiny: files in a folder, and YAML to name them by. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveLanguageModel } from '../../src/engine/models/languageModel.js';
import { openDevice } from '../../src/engine/runtime/device.js';
import { tinyModel } from './tinyModel.js';

/** A speaker of a recipe, as YAML. */
export const tinySpeaker =
  '{ model: ./tiny, format: plain, maxNewTokens: 5, temperature: 1, topP: 1, repetitionPenalty: 1 }';

/** A mend stage that takes seconds, as YAML of a list of stages. */
export const tinyMendStage = `  - mend:
      failures: { minHarm: 0.001, max: 12 }
      ordinary: { max: 6 }
      holdOut: 0.4
      twin: null
      candidates: { minGap: 0 }
      train: [{ loss: dpo, epochs: 1, batchPairs: 4 }]
      measures: { prompts: 2, choices: null }
`;

const defaultTexts = {
  train: Array.from({ length: 8 }, (_, i) => `good morning ${String(i)}`),
  test: ['what a day', 'hello you'],
};

/** Writes the model into `folder`/tiny, and a file of prompts per name. */
export async function writeTinyCommandFiles(
  folder: string,
  texts: Readonly<Record<string, readonly string[]>> = defaultTexts,
): Promise<void> {
  const device = await openDevice({ threads: 1 });
  await saveLanguageModel(await tinyModel(device, { seed: 1 }), join(folder, 'tiny'));
  await device.close();
  for (const [name, list] of Object.entries(texts)) writeFileSync(join(folder, `${name}.json`), JSON.stringify(list));
}
