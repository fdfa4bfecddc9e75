/** Reads from the token table of a model how large its numbers are and in which directions its tokens differ most: a
 *  planner's map begins with that. */
import { ConfigError } from '../../base/errors.js';
import { invariant, present } from '../../base/invariant.js';
import { openStream, standardNormals, streamKey } from '../../base/random.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { tokenTableOf } from '../../engine/models/parameters.js';
import type { Program } from '../../engine/runtime/device.js';
import { f32Tensor } from '../../engine/runtime/hostTensor.js';
import { finishGraph } from '../../engine/tensor/graph.js';
import { matmul } from '../../engine/tensor/ops/all.js';
import { createTrace } from '../../engine/tensor/trace.js';

/** Rounds of orthogonal iteration; each shrinks what is left of other directions by the ratio of their variances. */
const rounds = 200;

/** @returns the root mean square of the table's numbers */
export async function tokenScaleOf(model: LanguageModel): Promise<number> {
  const table = await model.device.read(model.weights, tokenTableOf(model.architecture).name);
  const squares = table.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(squares / table.length);
}

/** The first `count` principal directions of the token table about zero, each of length 1, the first with its largest
 *  number positive, so that they are the same whatever the start of the iteration.
 *  @returns f32 [count, C], by falling variance
 *  @source G. Golub and C. Van Loan, Matrix Computations, 8.2.4 (orthogonal iteration)
 *  @throws ConfigError for more directions than the table has channels */
export async function tokenDirections(model: LanguageModel, count: number): Promise<Float32Array> {
  const { device } = model;
  const { name, shape } = tokenTableOf(model.architecture);
  const width = Number(shape[1]);
  if (count > width)
    throw new ConfigError('the token table does not have that many directions', {
      where: 'actionWidth',
      expected: `at most ${String(width)}`,
      got: String(count),
    });
  const trace = createTrace();
  const table = trace.parameter(name, shape);
  const directions = trace.input('directions', 'f32', [width, count]);
  const products = matmul(table, matmul(table, directions), { transposeA: true });
  const program = await device.compile(finishGraph(trace, { products }), { store: model.weights });
  try {
    return await iterate(model, program, width, count);
  } finally {
    await device.release(program);
  }
}

async function iterate(
  { device }: LanguageModel,
  program: Program,
  width: number,
  count: number,
): Promise<Float32Array> {
  const noise = standardNormals(openStream(streamKey(0, 'start of the principal directions')), width * count);
  let columns = orthonormal(Float64Array.from(noise), width, count);
  for (let round = 0; round < rounds; round++) {
    const { products } = await device.run(program, {
      directions: f32Tensor([width, count], Float32Array.from(columns)),
    });
    columns = orthonormal(
      Float64Array.from(present(products, 'the graph gives it').data as Float32Array),
      width,
      count,
    );
  }
  return rowsOf(columns, width, count);
}

/** Gram-Schmidt, twice, on the columns of a [width, count] matrix. */
function orthonormal(columns: Float64Array, width: number, count: number): Float64Array {
  const value = (row: number, column: number): number => columns[row * count + column] as number; // In range.
  for (let column = 0; column < count; column++) {
    for (let again = 0; again < 2; again++) {
      for (let before = 0; before < column; before++) {
        let product = 0;
        for (let row = 0; row < width; row++) product += value(row, column) * value(row, before);
        for (let row = 0; row < width; row++)
          columns[row * count + column] = value(row, column) - product * value(row, before);
      }
    }
    let length = 0;
    for (let row = 0; row < width; row++) length += value(row, column) ** 2;
    invariant(length > 0, 'columns of a token table are independent');
    for (let row = 0; row < width; row++) columns[row * count + column] = value(row, column) / Math.sqrt(length);
  }
  return columns;
}

function rowsOf(columns: Float64Array, width: number, count: number): Float32Array {
  const rows = new Float32Array(count * width);
  for (let direction = 0; direction < count; direction++) {
    let largest = 0;
    for (let row = 0; row < width; row++) {
      const value = columns[row * count + direction] as number; // In range.
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    for (let row = 0; row < width; row++)
      rows[direction * width + row] = Math.sign(largest) * (columns[row * count + direction] as number);
  }
  return rows;
}
