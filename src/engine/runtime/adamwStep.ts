/** One optimizer step over resident stores: gradient norm, clipping, AdamW, gradients back to zero. */
import { EnvironmentError, ShapeError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { adamwCoefficients, clipFactor, type AdamwCoefficients, type AdamwRates } from './adamwCoefficients.js';
import { kernelsOver } from './kernels.js';
import { residentTensor, viewOf, type ResidentStore, type ResidentTensor } from './residentStore.js';

export interface AdamwStep extends AdamwRates {
  /** Names whose weights decay. */
  readonly decayed: ReadonlySet<string>;
  /** Norm of all gradients together, after `gradientScale`, above which they are scaled down to it; null = never. */
  readonly maxGradientNorm: number | null;
  /** Multiplies the accumulated gradients first, for instance 1 / number of microbatches. */
  readonly gradientScale: number;
}

export interface AdamwStores<Store> {
  readonly parameters: Store;
  /** May hold some of the parameters only: the others stay as they are. */
  readonly gradients: Store;
  readonly firstMoment: Store;
  readonly secondMoment: Store;
}

/** The four tensors of one parameter. */
type Quartet = readonly [
  parameter: ResidentTensor,
  gradient: ResidentTensor,
  firstMoment: ResidentTensor,
  secondMoment: ResidentTensor,
];

/** Elements that pass through the staging memory at once when a quartet lies in several memories. */
const stagedLength = 16384;
let staging: WebAssembly.Memory | null = null;

/** @returns the norm before clipping
 *  @throws EnvironmentError when a gradient is not finite (nothing is changed then), ShapeError when the stores
 *    disagree */
export function adamwStep(stores: AdamwStores<ResidentStore>, step: AdamwStep): { readonly gradientNorm: number } {
  const quartets = matchStores(stores);
  const gradientNorm =
    Math.abs(step.gradientScale) *
    Math.sqrt(quartets.reduce((sum, [, gradient]) => sum + finiteSumOfSquares(gradient), 0));
  const scale = step.gradientScale * clipFactor(gradientNorm, step.maxGradientNorm);
  for (const quartet of quartets) {
    const coefficients = adamwCoefficients(step, scale, step.decayed.has(quartet[0].name));
    const memory = quartet[0].memory;
    if (quartet.every((tensor) => tensor.memory === memory)) {
      const [p, g, m, v] = quartet.map(({ byteOffset }) => byteOffset) as [number, number, number, number];
      applyKernel(memory, [p, g, m, v], quartet[0].length, coefficients);
    } else {
      applyStaged(quartet, coefficients);
    }
    quartet[0].zero = quartet[2].zero = quartet[3].zero = false;
    quartet[1].zero = true;
  }
  return { gradientNorm };
}

function matchStores({ parameters, gradients, firstMoment, secondMoment }: AdamwStores<ResidentStore>): Quartet[] {
  return [...gradients.tensors.values()].map((gradient): Quartet => {
    const quartet = [
      residentTensor(parameters, gradient.name),
      gradient,
      residentTensor(firstMoment, gradient.name),
      residentTensor(secondMoment, gradient.name),
    ] as const;
    for (const { shape } of quartet) {
      if (shape.join() !== gradient.shape.join()) {
        throw new ShapeError('parameter, gradient and moments disagree', {
          where: gradient.name,
          expected: `[${gradient.shape.join(', ')}]`,
          got: `[${shape.join(', ')}]`,
        });
      }
    }
    return quartet;
  });
}

function finiteSumOfSquares(gradient: ResidentTensor): number {
  if (gradient.zero) return 0;
  const sum = kernelsOver(gradient.memory).sumOfSquares(gradient.byteOffset, gradient.length);
  if (!Number.isFinite(sum)) {
    throw new EnvironmentError('The gradient is not finite', {
      where: gradient.name,
      got: String(sum),
      remedy: 'Lower the learning rate; the parameters were left as they are.',
    });
  }
  return sum;
}

function applyKernel(
  memory: WebAssembly.Memory,
  [p, g, m, v]: readonly [number, number, number, number],
  length: number,
  c: AdamwCoefficients,
): void {
  kernelsOver(memory).adamw(
    p,
    g,
    m,
    v,
    length,
    c.gradientScale,
    c.keep,
    c.oneMinusBeta1,
    c.beta2,
    c.oneMinusBeta2,
    c.negativeStepSize,
    c.epsilon,
  );
}

/** The same, piece by piece through a memory of its own: the kernel sees one memory only. */
function applyStaged(quartet: Quartet, coefficients: AdamwCoefficients): void {
  staging ??= new WebAssembly.Memory({ initial: (4 * stagedLength * 4) / 65536 });
  const buffer = staging.buffer;
  const addresses = [0, 1, 2, 3].map((index) => index * stagedLength * 4) as [number, number, number, number];
  const staged = addresses.map((address) => new Float32Array(buffer, address, stagedLength));
  const views = quartet.map(viewOf);
  const { length } = quartet[0];
  for (let start = 0; start < length; start += stagedLength) {
    const count = Math.min(stagedLength, length - start);
    views.forEach((view, index) => present(staged[index], 'four stages').set(view.subarray(start, start + count)));
    applyKernel(staging, addresses, count, coefficients);
    views.forEach((view, index) => view.set(present(staged[index], 'four stages').subarray(0, count), start));
  }
}
