/** Low-rank adapters: y = W x + b + scale · B (A x), with W and b as they are and only A and B trained. B·A is never
 *  formed. Owns what an adapter is before it has numbers: which linear maps it is on, its parameters, how it enters a
 *  trace. Source: Hu et al., arXiv 2106.09685; names, shapes and initial values as in PEFT 0.21 `tuners/lora`. No
 *  dropout. */
import { present } from '../../../base/invariant.js';
import { uniform, zeros } from '../../nn/init.js';
import { matmul } from '../../tensor/ops/all.js';
import { createTrace } from '../../tensor/trace.js';
import type { Architecture, LinearBranch, LinearSizes, ParameterSpec } from '../family.js';
import { matchTargets } from './targetModules.js';

export interface LoraConfig {
  /** Rows of A, ≥ 1. */
  readonly rank: number;
  /** The branch counts alpha / rank; with rsLora alpha / √rank (arXiv 2312.03732). */
  readonly alpha: number;
  readonly rsLora: boolean;
  /** Which linear maps: names or ends of names, a pattern that a whole name must match, or 'all-linear'. */
  readonly targetModules: readonly string[] | string;
}

/** An adapter on a model of given sizes. */
export interface AdapterPlan {
  readonly config: LoraConfig;
  readonly scale: number;
  /** The maps that it is on, by name. */
  readonly maps: ReadonlyMap<string, LinearSizes>;
  /** lora_A [rank, in] and lora_B [out, rank] of each map. */
  readonly parameters: readonly ParameterSpec[];
}

/** All that an adapter needs to know of a body. */
export type AdaptedBody = Pick<Architecture, 'forward'>;

/** @throws ConfigError for a pattern that meets no linear map, with the names that there are */
export function planAdapter(body: AdaptedBody, config: LoraConfig, where: string): AdapterPlan {
  const known = linearMaps(body);
  return planOn(matchTargets(config.targetModules, [...known.keys()], where), known, config);
}

/** @param names linear maps of the body */
export function planOn(
  names: readonly string[],
  known: ReadonlyMap<string, LinearSizes>,
  config: LoraConfig,
): AdapterPlan {
  const { rank, alpha, rsLora } = config;
  const maps = new Map(names.map((name) => [name, present(known.get(name), `${name} is a linear map of the model`)]));
  const parameters = [...maps].flatMap(([name, sizes]) => branchParameters(name, sizes, rank));
  return { config, scale: alpha / (rsLora ? Math.sqrt(rank) : rank), maps, parameters };
}

/** The linear maps inside a body, in the order in which they are applied. The vocabulary head and tables are none of
 *  them. */
export function linearMaps({ forward }: AdaptedBody): ReadonlyMap<string, LinearSizes> {
  const maps = new Map<string, LinearSizes>();
  const trace = createTrace();
  forward({
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    attention: { kind: 'causal' },
    branch: (_x_NI, name, sizes) => {
      maps.set(name, sizes);
      return null;
    },
  });
  return maps;
}

/** PEFT's kaiming_uniform(a = √5) of A is uniform within 1 / √in; B starts at zero, so that the model starts as it is.
 */
function branchParameters(name: string, { inputs, outputs }: LinearSizes, rank: number): readonly ParameterSpec[] {
  return [
    { name: lowName(name), shape: [rank, inputs], initial: uniform(1 / Math.sqrt(inputs)) },
    { name: highName(name), shape: [outputs, rank], initial: zeros },
  ];
}

export function lowName(map: string): string {
  return `${map}.lora_A.weight`;
}

export function highName(map: string): string {
  return `${map}.lora_B.weight`;
}

/** The body with the adapter on; what is computed without one stays as it is. */
export function adapted<A extends AdaptedBody>(body: A, plan: AdapterPlan): A {
  return { ...body, forward: (inputs) => body.forward({ ...inputs, branch: branchOf(plan) }) };
}

function branchOf({ maps, scale, config: { rank } }: AdapterPlan): LinearBranch {
  return (x_NI, name, { inputs, outputs }) => {
    if (!maps.has(name)) return null;
    const a_RI = x_NI.trace.parameter(lowName(name), [rank, inputs]);
    const b_OR = x_NI.trace.parameter(highName(name), [outputs, rank]);
    const low_NR = matmul(x_NI, a_RI, { transposeB: true, scale });
    return matmul(low_NR, b_OR, { transposeB: true });
  };
}

export interface BranchValues {
  /** A, [rank, in] */
  readonly low: Float32Array;
  /** B, [out, rank] */
  readonly high: Float32Array;
  readonly scale: number;
}

/** W + scale · B A, in the layout of W. Summed in float64, rounded once.
 *  @param weight [out, in] or [in, out], see `sizes.layout` */
export function mergedWeight(
  weight: Float32Array,
  { low, high, scale }: BranchValues,
  { inputs, outputs, layout }: LinearSizes,
): Float32Array {
  const rank = low.length / inputs;
  const [rows, columns] = layout === 'outIn' ? [outputs, inputs] : [inputs, outputs];
  const out = new Float32Array(weight.length);
  const sum = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sum.fill(0);
    for (let r = 0; r < rank; r++) {
      if (layout === 'outIn') {
        const factor = scale * (high[row * rank + r] as number);
        for (let c = 0, from = r * inputs; c < columns; c++)
          sum[c] = (sum[c] as number) + factor * (low[from + c] as number);
      } else {
        const factor = scale * (low[r * inputs + row] as number);
        for (let c = 0; c < columns; c++) sum[c] = (sum[c] as number) + factor * (high[c * rank + r] as number);
      }
    }
    for (let c = 0, at = row * columns; c < columns; c++) out[at + c] = (weight[at + c] as number) + (sum[c] as number);
  }
  return out;
}
