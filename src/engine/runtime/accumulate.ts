/** Runs a training program and adds what it says about gradients to a store.
 *
 *  Outputs `grad:NAME` are dense gradients; `rows:NAME:i:ids` (i64 [N]) with `rows:NAME:i:rows` ([N, C]) are rows to be
 *  added at the given indices of NAME, in order, so the sum does not depend on threads. Other outputs are returned. A
 *  dense gradient whose place in the store is still zero is written there by the run itself; otherwise it is written
 *  beside the store and added. */
import type * as ort from 'onnxruntime-node';
import { ShapeError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { HostTensor } from './hostTensor.js';
import { kernelsOver } from './kernels.js';
import type { MemoryPool, Region } from './memoryPool.js';
import type { HostTensors, TensorSpec } from './protocol.js';
import { ortTensor } from './ortTensor.js';
import { allocateOutput, bindFeeds, runProgramInPlace, symbolSizes, type ResidentProgram } from './residentProgram.js';
import { residentTensor, viewOf, type ResidentStore, type ResidentTensor } from './residentStore.js';

type OutputRole =
  | { readonly kind: 'dense'; readonly target: string }
  | { readonly kind: 'rows'; readonly target: string; readonly group: string; readonly part: 'ids' | 'rows' }
  | { readonly kind: 'returned' };

function roleOf(name: string): OutputRole {
  const dense = /^grad:(.+)$/.exec(name);
  if (dense !== null) return { kind: 'dense', target: present(dense[1], 'the name has a target') };
  const rows = /^rows:(.+):(\d+):(ids|rows)$/.exec(name);
  if (rows === null) return { kind: 'returned' };
  const [, target = '', index = '', part] = rows;
  return { kind: 'rows', target, group: `${target}:${index}`, part: part === 'ids' ? 'ids' : 'rows' };
}

/** A gradient to add after the run: where it is, where it belongs. */
interface Pending {
  readonly incoming: ResidentTensor;
  readonly target: ResidentTensor;
}

/** @returns the outputs that are no gradients
 *  @throws ShapeError when a gradient does not fit its place; the gradients are undefined after a failed run */
export async function accumulate(
  pool: MemoryPool,
  program: ResidentProgram,
  feeds: HostTensors,
  gradients: ResidentStore,
): Promise<Record<string, HostTensor>> {
  const sizes = symbolSizes(program, feeds);
  const roles = program.outputs.map((spec) => ({ spec, role: roleOf(spec.name) }));
  const dense = roles.flatMap(({ spec, role }) =>
    role.kind === 'dense' ? [{ spec, target: denseTarget(gradients, role.target, spec) }] : [],
  );
  const incoming = allocateBeside(
    pool,
    dense.flatMap(({ target }) => (target.zero ? [] : [target])),
  );
  try {
    // Views only from here on: allocating may have grown the memory.
    const outputs: Record<string, ort.Tensor> = {};
    const pending: Pending[] = [];
    for (const { spec, target } of dense) {
      const place = incoming.tensors.get(target.name) ?? target;
      outputs[spec.name] = ortTensor('f32', viewOf(place), target.shape);
      if (place !== target) pending.push({ incoming: place, target });
    }
    const others = roles
      .filter(({ role }) => role.kind !== 'dense')
      .map(({ spec, role }) => ({ spec, role, ...allocateOutput(spec, sizes) }));
    for (const { spec, tensor } of others) outputs[spec.name] = tensor;
    const bound = bindFeeds(program, feeds);
    for (const { target } of dense) target.zero = false;
    await runProgramInPlace(program, bound, outputs);
    for (const { incoming: from, target } of pending) addTensor(from, target);
    scatterRows(gradients, others);
    return Object.fromEntries(
      others.flatMap(({ spec, role, host }) => (role.kind === 'returned' ? [[spec.name, host]] : [])),
    );
  } finally {
    for (const region of incoming.regions) pool.free(region);
  }
}

function denseTarget(gradients: ResidentStore, name: string, spec: TensorSpec): ResidentTensor {
  const target = residentTensor(gradients, name);
  if (spec.shape.join() !== target.shape.join()) {
    throw new ShapeError('a gradient does not fit its place', {
      where: spec.name,
      expected: `[${target.shape.join(', ')}]`,
      got: `[${spec.shape.join(', ')}]`,
    });
  }
  return target;
}

interface IncomingGradients {
  readonly tensors: ReadonlyMap<string, ResidentTensor>;
  readonly regions: readonly Region[];
}

/** Room for incoming gradients, each in the memory of its target where possible, so that the kernel can add them. */
function allocateBeside(pool: MemoryPool, targets: readonly ResidentTensor[]): IncomingGradients {
  const regions: Region[] = [];
  const tensors = new Map(
    targets.map((target) => {
      const region = pool.allocate(target.length * 4, target.memory, true);
      regions.push(region);
      return [target.name, { ...target, memory: region.memory, byteOffset: region.byteOffset }];
    }),
  );
  return { tensors, regions };
}

function addTensor(from: ResidentTensor, target: ResidentTensor): void {
  if (from.memory === target.memory) {
    kernelsOver(target.memory).add(target.byteOffset, from.byteOffset, target.length);
    return;
  }
  const sum = viewOf(target);
  viewOf(from).forEach((value, index) => {
    sum[index] = (sum[index] ?? 0) + value;
  });
}

function scatterRows(
  gradients: ResidentStore,
  outputs: readonly { readonly role: OutputRole; readonly host: HostTensor }[],
): void {
  for (const { role, host } of outputs) {
    if (role.kind !== 'rows' || role.part !== 'rows') continue;
    const ids = outputs.find(
      (other) => other.role.kind === 'rows' && other.role.part === 'ids' && other.role.group === role.group,
    );
    addRows(
      residentTensor(gradients, role.target),
      present(ids, `rows of ${role.group} come with ids`).host.data as BigInt64Array,
      host,
    );
  }
}

/** target[ids[i]] += rows[i] */
function addRows(target: ResidentTensor, ids: BigInt64Array, rows: HostTensor): void {
  const width = rows.dims[1] ?? 0;
  const count = target.shape[0] ?? 0;
  if (rows.dims.length !== 2 || rows.dims[0] !== ids.length || width * count !== target.length) {
    throw new ShapeError('gradient rows do not fit', {
      where: target.name,
      expected: `[${ids.length}, ${target.length / Math.max(count, 1)}]`,
      got: `[${rows.dims.join(', ')}]`,
    });
  }
  const sum = viewOf(target);
  const data = rows.data as Float32Array;
  ids.forEach((id, row) => {
    if (id < 0n || id >= BigInt(count))
      throw new ShapeError('a gradient row lies outside', {
        where: target.name,
        expected: `0 … ${count - 1}`,
        got: String(id),
      });
    const to = Number(id) * width;
    const from = row * width;
    for (let c = 0; c < width; c++) sum[to + c] = (sum[to + c] ?? 0) + (data[from + c] ?? 0);
  });
  target.zero = false;
}
