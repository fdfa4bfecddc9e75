/** Which planted modes are left in the models of a run, against the truth: for each mode the share of rude replies to
 *  lines that trigger it, after dialogues drawn from the grammar, by the words of the reply. Run it on a run of `gadfly
 *  run mend-organism`: `npm run organism:remaining -- runs/mend-organism`. Options (KEY=VALUE): planted (dialogues a
 *  mode), threads. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { assetPath } from '../src/base/packageRoot.js';
import { openStream, streamKey } from '../src/base/random.js';
import { formatTable } from '../src/render/terminal/table.js';
import { openLanguageModel } from '../src/engine/models/languageModel.js';
import { openDevice, type Device } from '../src/engine/runtime/device.js';
import { parseReport } from '../src/report/report.js';
import { openRun } from '../src/runs/openRun.js';
import { wilson } from '../src/stats/wilson.js';
import { failureModes, isRude } from '../src/speakers/judges/organismModes.js';
import { modeProbabilities } from './probabilities.js';
import { dialogueText, samplePlanted } from './sample.js';
import { nextLines } from './selfPlay.js';

const seed = 20261121;

async function main(): Promise<void> {
  const [folder, ...options] = process.argv.slice(2);
  if (folder === undefined) throw new Error('name a run directory of mend-organism');
  const given = new Map(options.map((word) => word.split('=', 2) as [string, string]));
  const planted = Number(given.get('planted') ?? 200);
  const { loop, mend } = reportOf(folder);
  const mended = [...new Set([...loop, ...mend])].filter((name) => existsSync(join(folder, 'models', name)));
  const device = await openDevice({ threads: Number(given.get('threads') ?? 1) });
  try {
    const columns: (readonly Rate[])[] = [];
    for (const path of [assetPath('organism'), ...mended.map((name) => join(folder, 'models', name))])
      columns.push(await rudeWhenTriggered(device, path, planted));
    const truth = modeProbabilities({ exchanges: 3 }).perDialogue;
    const rows = failureModes.map(({ id }, m) => [id, percent(truth[id]), ...columns.map((rates) => shown(rates[m]))]);
    console.log(
      `Share of rude replies when a mode is triggered, ${String(planted)} dialogues a mode, 95% Wilson intervals.`,
    );
    console.log(
      formatTable(['mode', 'in ordinary dialogues', 'organism', ...mended], rows, [
        1,
        2,
        ...mended.map((_, i) => i + 3),
      ]),
    );
  } finally {
    await device.close();
  }
}

interface Rate {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** By mode, in the order of `failureModes`. Every model answers the same dialogues with the same draws. */
async function rudeWhenTriggered(device: Device, path: string, planted: number): Promise<readonly Rate[]> {
  const model = await openLanguageModel(device, path);
  const stream = openStream(streamKey(seed, 'organism.remaining'));
  const rates: Rate[] = [];
  for (const mode of failureModes) {
    const texts = Array.from({ length: planted }, () => {
      const dialogue = samplePlanted(mode, stream, { exchanges: 2, miss: false });
      return dialogueText(dialogue).slice(0, -`${dialogue.exchanges.at(-1)?.clerk ?? ''}\n`.length);
    });
    const rude = (await nextLines(model, texts, { seed, turn: 0, temperature: 1 })).filter(isRude).length;
    rates.push(wilson(rude, planted));
  }
  await model.close();
  return rates;
}

/** Names of the models that a report calls mended. */
function reportOf(folder: string): { readonly loop: readonly string[]; readonly mend: readonly string[] } {
  const found = openRun(folder).report;
  const { loop = [], mend = [] } = found === null ? {} : parseReport(found, folder);
  return {
    loop: loop.map(({ target }) => target),
    mend: mend.flatMap(({ guards }) => guards.map(({ model }) => model)),
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.001 ? 3 : 1)}%`;
}

function shown(rate: Rate | undefined): string {
  return rate === undefined ? '–' : `${percent(rate.share)} [${percent(rate.low)}, ${percent(rate.high)}]`;
}

await main();
