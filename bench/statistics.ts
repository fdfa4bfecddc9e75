/** Times the figures of an evaluation over generated dialogues of one turn: intervals of every metric, diversity.
 *  Usage: node dist/bench/statistics.js [dialogues, default 100000]. Prints seconds; asserts nothing. */
import { systemClock } from '../src/base/clock.js';
import { openStream, streamKey } from '../src/base/random.js';
import { createNearTexts, summariseFindings } from '../src/stats/differentFindings.js';
import { summariseDiversity, summariseExchanges } from '../src/stats/exchangeMetrics.js';

const dialogues = Number(process.argv[2] ?? 100_000);
const draw = openStream(streamKey(0, 'bench of statistics'));
const rows = Array.from({ length: dialogues }, () => [
  {
    turn: 0,
    replyHarm: draw.uniform(),
    replyFailed: draw.uniform() < 0.1,
    exchangeHarm: draw.uniform(),
    adversaryHarm: draw.uniform(),
    adversaryNll: draw.uniform() < 0.01 ? null : 3 * draw.uniform(),
    reward: draw.uniform(),
  },
]);
const texts = Array.from({ length: dialogues }, (_, i) => [
  `hello number ${String(i)}, do you sell ${String(draw.integer(1000))} of these on day ${String(draw.integer(50))}?`,
]);
const options = { stream: streamKey(0, 'bootstrap') };

function time(name: string, action: () => void): void {
  const start = systemClock.monotonicMs();
  action();
  process.stdout.write(
    `${name}: ${((systemClock.monotonicMs() - start) / 1000).toFixed(2)} s for ${String(dialogues)} dialogues\n`,
  );
}

time('intervals', () => void summariseExchanges(rows, options));
time('diversity', () => void summariseDiversity(texts, options));

// Most texts differ: words are drawn as often as Zipf's law has them, and few are near each other.
const vocabulary = 3000;
const word = (): string => `w${String(Math.floor(Math.exp(draw.uniform() * Math.log(vocabulary))))}`;
const varied = Array.from({ length: dialogues / 10 }, () => [
  Array.from({ length: 8 + draw.integer(16) }, word).join(' '),
]);
const taught = createNearTexts();
for (const [text] of varied.slice(0, 1000)) taught.add(`${text ?? ''} ${word()}`);
time('different findings of a tenth', () => void summariseFindings(varied, taught, options));
