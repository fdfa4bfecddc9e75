/** Writes further openings of the shop, none of which is among the organism's prompts: `npx tsx
 *  organism/writeOpenings.ts [FILE]`, by default assets/prompts/shop-openings.json. They are for evaluations that count
 *  modes, which need more dialogues than the test part of those prompts has. */
import { readFileSync, writeFileSync } from 'node:fs';
import { assetPath } from '../src/base/packageRoot.js';
import { openStream, streamKey } from '../src/base/random.js';
import { samplePrompt } from './sample.js';

const seed = 20261130;
const count = 500;

const known = new Set(JSON.parse(readFileSync(`${assetPath('organism')}/prompts.json`, 'utf8')) as string[]);
const stream = openStream(streamKey(seed, 'organism.openings'));
const openings = new Set<string>();
while (openings.size < count) {
  const opening = samplePrompt(stream);
  if (!known.has(opening)) openings.add(opening);
}
writeFileSync(
  process.argv[2] ?? `${assetPath('prompts')}/shop-openings.json`,
  `${JSON.stringify([...openings], null, 1)}\n`,
);
