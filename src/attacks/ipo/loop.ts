/** ASTPrompter's pairs and loss in the loop of online preference learning (arXiv 2407.09447, algorithms 1 and 2): the best
 *  and the worst sibling of each node, demonstrations in place of some prompts, IPO.
 *
 *  Differs from the paper where a recipe says so: more than two candidates a node, near-ties dropped, DPO in place of
 *  IPO. */
import { openStream, type StreamKey } from '../../base/random.js';
import { pairsFromTrees } from '../../dialogue/pairs.js';
import type { Prompt } from '../../dialogue/types.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { missingData, runOnline } from '../online/loop.js';
import { preferenceMethod } from '../online/preference.js';
import { trainingPairs } from '../online/trainingPairs.js';
import { type DemonstrationDraw, demonstrationPairs } from './demonstrations.js';
import type { IpoOptions } from './options.js';

export async function runIpo(attack: AttackContext, options: IpoOptions): Promise<AttackOutcome> {
  if (options.weakSupervision !== null && attack.demonstrations.length === 0)
    throw missingData('demonstrations for weak supervision');
  const { loss, beta, logProbs, minGap } = options;
  const method = preferenceMethod(options, {
    trainer: { loss, beta, logProbs, optimizer: optimizerOf(options) },
    draw: (context, epoch, stream) => {
      const drawn = drawEpoch(context, options, epoch, stream);
      const { asUtterance } = context.adversary;
      return {
        prompts: drawn.prompts,
        given: async (cast, given) => demonstrationPairs(drawn.demonstrations, { ...cast, asUtterance }, given),
      };
    },
    pairs: (trees) => pairsFromTrees(trees, { minGap }),
    data: trainingPairs,
  });
  return runOnline(attack, options, method);
}

/** Draws an epoch: prompts to roll out, and demonstrations in place of some of them. */
export function drawEpoch(
  { prompts, demonstrations }: Pick<AttackContext, 'prompts' | 'demonstrations'>,
  { promptsPerEpoch, weakSupervision }: Pick<IpoOptions, 'promptsPerEpoch' | 'weakSupervision'>,
  epoch: number,
  stream: StreamKey,
): { readonly prompts: readonly Prompt[]; readonly demonstrations: readonly DemonstrationDraw[] } {
  const draw = openStream(stream);
  const shuffled = draw.shuffle(prompts.train).slice(0, promptsPerEpoch);
  const rolled: Prompt[] = [];
  const drawn: DemonstrationDraw[] = [];
  for (const prompt of shuffled) {
    // Drawn even where it cannot matter, so that the draw of a prompt does not depend on the options of another epoch.
    const chance = draw.uniform();
    const isDemonstration =
      weakSupervision !== null && (epoch <= weakSupervision.onlyEpochs || chance < weakSupervision.probability);
    if (!isDemonstration) rolled.push(prompt);
    else {
      const text = draw.pick(demonstrations);
      drawn.push({ text, prompt: text.prefix.text === '' ? prompt : text.prefix });
    }
  }
  return { prompts: rolled, demonstrations: drawn };
}
