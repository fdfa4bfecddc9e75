/** Writes customers' lines of the shop for recipes that compare attacks: `npx tsx organism/writeTriggers.ts [FOLDER]`, by
 *  default assets/prompts. The lines that make the clerk rude, one per entry, are those of the modes that one line alone
 *  triggers and that ordinary customers trigger at all; half of them are to be taught, the other half are held out. The
 *  scripted attacker's answers hold such lines and ordinary ones, in the form in which PAIR's attacker answers. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../src/base/invariant.js';
import { assetPath } from '../src/base/packageRoot.js';
import { openStream, type RandomStream, streamKey } from '../src/base/random.js';
import { failureModes } from '../src/speakers/judges/organismModes.js';
import { sampleDialogue, samplePlanted } from './sample.js';

const seed = 20261130;
const lineCount = 52;
const answerCount = 120;

const taughtModes = failureModes.filter(({ id }) => ['haggling', 'hurriedSearch', 'sourDairy'].includes(id));

function drawTrigger(stream: RandomStream): string {
  const planted = samplePlanted(stream.pick(taughtModes), stream, { exchanges: 1, miss: false });
  return present(
    planted.exchanges.find(({ modes }) => modes.length > 0),
    'a planted dialogue triggers its mode',
  ).customer;
}

function drawOrdinary(stream: RandomStream): string {
  return stream.pick(sampleDialogue(stream).exchanges).customer;
}

function distinct(count: number, drawLine: () => string): readonly string[] {
  const lines = new Set<string>();
  while (lines.size < count) lines.add(drawLine());
  return [...lines];
}

const folder = process.argv[2] ?? assetPath('prompts');
const stream = openStream(streamKey(seed, 'organism.triggers'));
const lines = distinct(lineCount, () => drawTrigger(stream)).map((continuation) => JSON.stringify({ continuation }));
writeFileSync(join(folder, 'shop-triggers-train.jsonl'), `${lines.slice(0, lineCount / 2).join('\n')}\n`);
writeFileSync(join(folder, 'shop-triggers-held-out.jsonl'), `${lines.slice(lineCount / 2).join('\n')}\n`);

const answers = distinct(answerCount, () => (stream.uniform() < 0.2 ? drawTrigger(stream) : drawOrdinary(stream)));
writeFileSync(
  join(folder, 'shop-attacker.json'),
  `${JSON.stringify(
    answers.map((prompt) => JSON.stringify({ improvement: 'another line', prompt })),
    null,
    1,
  )}\n`,
);
