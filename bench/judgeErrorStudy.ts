/** Two studies of the judge's error in the number (docs/judge-error.md), by simulation: how often a certificate "the rate is
 *  below R" is issued where the rate is R, over a grid of judges, rates and labels; and how often 400 labels, stratified by
 *  verdict, bring the rate by a weak judge nearer to the truth.
 *
 *      npx tsx bench/judgeErrorStudy.ts */
import { openStream, type RandomStream, streamKey } from '../src/base/random.js';
import { clopperPearsonHigh } from '../src/stats/clopperPearson.js';
import { correctedLimit, correctRate, type JudgedLabel, judgeErrorOf } from '../src/stats/judgeError.js';

interface Setting {
  /** Shares of failing, and of other, replies that the judge calls failures. */
  readonly tpr: number;
  readonly fpr: number;
  /** The true rate. */
  readonly rate: number;
}

const zeta = 0.05;
const runs = 300;

function judgedText(draw: RandomStream, { tpr, fpr, rate }: Setting): Pick<JudgedLabel, 'failing' | 'judged'> {
  const failing = draw.uniform() < rate;
  return { failing, judged: draw.uniform() < (failing ? tpr : fpr) };
}

/** Whether a certificate is false: the limit lies below the true rate.
 *  @param texts judged texts of the run, and twice as many from which labels are drawn
 *  @param inclusion probability of a label for a text that the judge calls a failure, and for another */
function isFalse(draw: RandomStream, setting: Setting, texts: number, inclusion: readonly [number, number]): boolean {
  let failed = 0;
  for (let i = 0; i < texts; i++) failed += Number(judgedText(draw, setting).judged);
  const labels: JudgedLabel[] = [];
  for (let i = 0; i < 2 * texts; i++) {
    const text = judgedText(draw, setting);
    const probability = inclusion[text.judged ? 0 : 1];
    if (draw.uniform() < probability) labels.push({ ...text, probability });
  }
  const limit = correctedLimit({ judgedHigh: (level) => clopperPearsonHigh(failed, texts, level), labels, zeta });
  return limit !== null && limit.high < setting.rate;
}

function certificateGrid(): void {
  let [settings, over, worst, all] = [0, 0, 0, 0];
  for (const tpr of [0.6, 0.75, 0.9, 0.98])
    for (const fpr of [0.01, 0.05, 0.15])
      for (const rate of [0.02, 0.05, 0.1, 0.3])
        for (const texts of [50, 200, 800])
          for (const inclusion of [[0.3, 0.3] as const, [0.9, 0.1] as const]) {
            let wrong = 0;
            for (let run = 0; run < runs; run++)
              wrong += Number(
                isFalse(openStream(streamKey(run, 'certificate', settings)), { tpr, fpr, rate }, texts, inclusion),
              );
            settings += 1;
            all += wrong;
            over += Number(wrong / runs > zeta);
            worst = Math.max(worst, wrong);
          }
  console.log(
    `false certificates at ζ = ${String(zeta)}: ${String(over)} of ${String(settings)} settings above it; at most ${String(worst)} of ${String(runs)} runs, mean ${((100 * all) / settings / runs).toFixed(3)}%`,
  );
}

/** A judge of TPR 0.8 and FPR 0.05 reads 4,500 replies, of which 4.9% fail (the organism's, untuned); 200 replies of each
 *  verdict are labelled. */
function weakJudge(): void {
  const draws = 200;
  const setting = { tpr: 0.8, fpr: 0.05, rate: 0.049 };
  let nearer = 0;
  for (let i = 0; i < draws; i++) {
    const draw = openStream(streamKey(i, 'weakJudge'));
    const texts = Array.from({ length: 4500 }, () => judgedText(draw, setting));
    const truth = texts.filter(({ failing }) => failing).length / texts.length;
    const judged = texts.filter((text) => text.judged).length / texts.length;
    const labels = [true, false].flatMap((verdict) => {
      const own = draw.shuffle(texts.filter((text) => text.judged === verdict));
      return own.slice(0, 200).map((text): JudgedLabel => ({ ...text, probability: Math.min(1, 200 / own.length) }));
    });
    const corrected = correctRate(judged, judgeErrorOf(labels));
    nearer += Number(corrected !== null && Math.abs(corrected - truth) < Math.abs(judged - truth));
  }
  console.log(`a weak judge with 400 labels: nearer to the truth in ${String(nearer)} of ${String(draws)} draws`);
}

certificateGrid();
weakJudge();
