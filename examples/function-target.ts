/** An attack on a function: an adversary learns by online IPO which ordinary questions this shop's answering machine turns away.
 *    npx tsx examples/function-target.ts [OUT] */
import { createFunctionJudge, createFunctionTarget, runAttack } from 'gadfly-lm';

const target = createFunctionTarget({
  name: 'answering-machine',
  reply: ({ utterance }) =>
    /butter|honey|candles/.test(utterance) ? 'sorry, we are out of that.' : 'of course, come by.',
});
const judge = createFunctionJudge({
  name: 'turned-away',
  score: (texts) => texts.map((text) => Number(text.includes('out of'))),
});
const days = ['monday', 'friday', 'sunday', 'market day', 'a holiday', 'new year'];
const prompts = ['morning', 'noon', 'evening'].flatMap((time) =>
  days.map((day) => `it is ${time} in the corner shop, on ${day}.\nyes, please?`),
);

const [out] = process.argv.slice(2);
const attack = {
  attack: 'ipo',
  epochs: 8,
  promptsPerEpoch: 16,
  horizon: 1,
  candidates: 4,
  learningRate: 3e-4,
  devEvery: 0,
} as const;
const { out: folder, rows } = await runAttack({
  target,
  judge,
  prompts,
  adversary: 'organism',
  attack,
  ...(out === undefined ? {} : { out }),
});
for (const { name, metrics } of rows) console.log(name, metrics['replyFailureRate']?.mean.toFixed(2));
console.log(`gadfly report ${folder}`);
