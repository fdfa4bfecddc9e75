/** The loops that ONNX Runtime has no fast kernel for, as 4-lane wasm functions over one memory: AdamW, averages, squared
 *  norm, addition (elementKernels.ts), peaks and exponentials (samplingKernels.ts). Addresses and lengths are in bytes
 *  and f32 elements. Written in the assembler beside this file, assembled once a process (a millisecond);
 *  `testing/referenceKernels.ts` says the same in plain TypeScript and is the test's witness. Without relaxed SIMD and
 *  fused multiply-add, so results are the same bits on every machine. */
import { elementKernels } from './elementKernels.js';
import { samplingKernels } from './samplingKernels.js';
import { assembleModule } from './wasmAssembler.js';

export interface Kernels {
  /** Sum of squares in double precision, in a fixed order. */
  readonly sumOfSquares: (address: number, length: number) => number;
  /** target += source */
  readonly add: (target: number, source: number, length: number) => void;
  /** target = keep · target + share · source */
  readonly average: (target: number, source: number, length: number, keep: number, share: number) => void;
  /** One AdamW step over `length` elements; zeroes the gradient. Coefficients as in `AdamwCoefficients`. */
  readonly adamw: (
    parameter: number,
    gradient: number,
    firstMoment: number,
    secondMoment: number,
    length: number,
    gradientScale: number,
    keep: number,
    oneMinusBeta1: number,
    beta2: number,
    oneMinusBeta2: number,
    negativeStepSize: number,
    epsilon: number,
  ) => void;
  /** Writes per block of `peakBlock` elements the largest of every fourth, as 4 lanes (16 bytes), to `target`.
   *  `length` is a multiple of `peakBlock`. @returns 0, or NaN when an element is not finite: then the lanes say
   *  nothing */
  readonly peaks: (source: number, length: number, target: number) => number;
  /** target = exp((source − shift) · scale) for exponents up to 0, 0 below e^−87; returns the sum in double precision.
   *  `length` is a multiple of 4. Relative error < 2e-7 for exponents ≤ 0 (Cephes expf). */
  readonly exponentials: (source: number, target: number, length: number, shift: number, scale: number) => number;
}

let assembled: WebAssembly.Module | null = null;
const instances = new WeakMap<WebAssembly.Memory, Kernels>();

/** The kernels over one memory. */
export function kernelsOver(memory: WebAssembly.Memory): Kernels {
  const known = instances.get(memory);
  if (known !== undefined) return known;
  assembled ??= new WebAssembly.Module(assembleModule([...elementKernels, ...samplingKernels]));
  const kernels = new WebAssembly.Instance(assembled, { env: { memory } }).exports as unknown as Kernels;
  instances.set(memory, kernels);
  return kernels;
}
