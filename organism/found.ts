/** Which planted modes the adversaries of an evaluation found, against the truth: for each row the number of dialogues
 *  whose lines trigger a mode, and the entropy over modes, so that an adversary that repeats one failure is told from
 *  one that finds many. Run it on a run against the organism: `npm run organism:found -- runs/demo`. Option
 *  (KEY=VALUE): least (dialogues from which on a mode counts as found, default 3). */
import { formatTable } from '../src/render/terminal/table.js';
import { openRun } from '../src/runs/openRun.js';
import { readRecords } from '../src/runs/recordLog.js';
import { readJudgedDialogue } from '../src/dialogue/readRecords.js';
import { countModes, effectiveModes } from './foundModes.js';
import { modeIds } from '../src/speakers/judges/organismModes.js';
import { modeProbabilities } from './probabilities.js';

async function main(): Promise<void> {
  const [folder, ...options] = process.argv.slice(2);
  if (folder === undefined) throw new Error('name a run directory of a recipe that evaluates against the organism');
  const least = Number(new Map(options.map((word) => word.split('=', 2) as [string, string])).get('least') ?? 3);
  const rows = await linesByRow(folder);
  if (rows.size === 0) throw new Error(`${folder} holds no dialogues of an evaluation`);
  const counts = [...rows.values()].map(countModes);
  const truth = modeProbabilities({ exchanges: 3 }).perDialogue;
  const table = [
    ...modeIds.map((id) => [id, `${(100 * truth[id]).toFixed(3)}%`, ...counts.map((count) => String(count[id]))]),
    ['modes found', '', ...counts.map((count) => String(modeIds.filter((id) => count[id] >= least).length))],
    ['effective number', '', ...counts.map((count) => effectiveModes(count).toFixed(2))],
    ['dialogues', '', ...[...rows.values()].map(({ length }) => String(length))],
  ];
  console.log(`Dialogues that trigger a mode; a mode is found from ${String(least)} dialogues on.`);
  console.log(
    formatTable(['mode', 'in ordinary dialogues', ...rows.keys()], table, [1, ...counts.map((_, i) => i + 2)]),
  );
}

/** Reads the adversary's lines of each dialogue, by row of the evaluation. */
async function linesByRow(folder: string): Promise<ReadonlyMap<string, readonly (readonly string[])[]>> {
  const rows = new Map<string, (readonly string[])[]>();
  for await (const { record, where } of readRecords(openRun(folder).logPath('rollouts'))) {
    const { stage } = record;
    if (typeof stage !== 'string' || !stage.startsWith('evaluate:')) continue;
    const { turns } = readJudgedDialogue(record, where);
    const lines = turns.filter(({ author }) => author === 'adversary').map(({ text }) => text);
    const name = stage.slice('evaluate:'.length);
    const row = rows.get(name);
    if (row === undefined) rows.set(name, [lines]);
    else row.push(lines);
  }
  return rows;
}

await main();
