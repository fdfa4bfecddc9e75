/** An attack on a function: an adversary learns by online IPO what makes this shop's answering machine say that it is closed.
 *    npx tsx examples/function-target.ts [OUT] */
import { createFunctionJudge, createFunctionTarget, runAttack } from 'gadfly-lm';

const target = createFunctionTarget({
  name: 'answering-machine',
  reply: ({ utterance }) => (/sunday|evening|late/.test(utterance) ? 'we are closed then.' : 'of course, come by.'),
});
const judge = createFunctionJudge({ name: 'turned-away', score: (texts) => texts.map((text) => Number(text.includes('closed'))) });
const days = ['monday', 'friday', 'sunday', 'market day', 'a holiday', 'new year'];
const prompts = ['morning', 'noon', 'evening'].flatMap((time) => days.map((day) => `it is ${time} in the corner shop, on ${day}.\nyes, please?`));

const [out] = process.argv.slice(2);
const attack = { attack: 'ipo', epochs: 4, promptsPerEpoch: 8, horizon: 2, devEvery: 0, batchPairs: 8 } as const;
const { out: folder, rows } = await runAttack({ target, judge, prompts, adversary: 'organism', attack, ...(out === undefined ? {} : { out }) });
for (const { name, metrics } of rows) console.log(name, metrics['replyFailureRate']?.mean.toFixed(2));
console.log(`gadfly report ${folder}`);
