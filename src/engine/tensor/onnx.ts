/** Lowering: a graph as an ONNX model for ONNX Runtime. Each op lowers itself (see the op table); this file owns names,
 *  constants, symbolic sizes and weights. The same graph and options give the same bytes. */
import { ShapeError } from '../../base/errors.js';
import { invariant, present } from '../../base/invariant.js';
import { termsOf, type Dim } from './dimension.js';
import { packData, type DType } from './dtype.js';
import { encodeModel, type OnnxInitializer, type OnnxModel, type OnnxNode } from './onnxModel.js';
import type { Graph, LoweredNode, Lowering, NamedValue, Provider, Value, WeightOperand } from './value.js';

/** Place of each weight in the external data, in f32 elements. A TensorStore's `entries` is one. */
export type ParameterLayout = ReadonlyMap<
  string,
  { readonly offset: number; readonly length: number; readonly location?: string }
>;

export interface OnnxOptions {
  /** `inputs` (default): weights are graph inputs. `externalInitializers`: they are constants whose bytes are given to
   *  the session beside the model, by default as one external file named 'weights'. */
  readonly parametersAs?: 'inputs' | 'externalInitializers';
  /** Needed for external initializers. */
  readonly layout?: ParameterLayout;
  /** Names of parameters that are inputs even so. */
  readonly live?: ReadonlySet<string>;
  /** Which fused kernels may be used. Default 'cpu'. */
  readonly provider?: Provider;
  /** Names of parameters that are 8-bit integers where they are the matrix of a plain product; only as external
   *  initializers, on the CPU. */
  readonly int8?: ReadonlySet<string>;
}

/** A parameter as the session is given it: as it is, or in int8 with a step a column. */
export interface StoredWeight {
  readonly parameter: string;
  readonly form: 'f32' | 'int8' | 'steps';
  readonly location: string;
  /** Whether int8 is the transpose of the parameter. */
  readonly isTransposed: boolean;
}

/** Which weights a frozen program holds, and in what form. A parameter that serves as a matrix and otherwise is held
 *  twice. */
export function storedWeights(
  graph: Graph,
  int8: ReadonlySet<string>,
  live: ReadonlySet<string> = new Set(),
): readonly StoredWeight[] {
  const matrices = weightMatrices(graph);
  const otherwise = new Set(
    graph.nodes.flatMap((node) => node.inputs.filter((input) => node.op.weightOf?.(node)?.value !== input)),
  );
  return graph.parameters
    .filter(({ name }) => !live.has(name))
    .flatMap(({ name, value }) => {
      const matrix = int8.has(name) ? matrices.get(value) : undefined;
      const plain: StoredWeight = { parameter: name, form: 'f32', location: name, isTransposed: false };
      if (matrix === undefined) return [plain];
      const { isTransposed } = matrix;
      return [
        ...(otherwise.has(value) ? [plain] : []),
        { parameter: name, form: 'int8', location: `${name}%int8`, isTransposed },
        { parameter: name, form: 'steps', location: `${name}%steps`, isTransposed },
      ] satisfies StoredWeight[];
    });
}

/** Parameters that are weight matrices of plain products, where all products agree on their layout. */
function weightMatrices(graph: Graph): ReadonlyMap<Value, WeightOperand> {
  const found = new Map<Value, WeightOperand>();
  const mixed = new Set<Value>();
  for (const node of graph.nodes) {
    const weight = node.op.weightOf?.(node) ?? null;
    if (weight?.value.origin.kind !== 'parameter') continue;
    const known = found.get(weight.value);
    if (known !== undefined && known.isTransposed !== weight.isTransposed) mixed.add(weight.value);
    found.set(weight.value, weight);
  }
  for (const value of mixed) found.delete(value);
  return found;
}

/** The bytes of an ONNX model. Its inputs are the graph's inputs and parameters under their own names; outputs
 *  likewise. */
export function toOnnx(graph: Graph, options: OnnxOptions = {}): Uint8Array {
  return encodeModel(lowerGraph(graph, options));
}

/** The ONNX model before encoding: for tests and for counting nodes. */
export function lowerGraph(
  graph: Graph,
  { parametersAs = 'inputs', layout, live = new Set(), provider = 'cpu', int8 = new Set() }: OnnxOptions = {},
): OnnxModel {
  const isExternal = parametersAs === 'externalInitializers';
  invariant(int8.size === 0 || (isExternal && provider === 'cpu'), 'int8 weights are constants, on the CPU');
  const weights = storedWeights(graph, int8, live);
  const { lowering, bind, nodes, initializers } = createLowering(graph, provider, weights);
  for (const { name, value } of [...graph.inputs, ...graph.parameters]) bind(value, name);
  for (const value of graph.constants) {
    if (value.origin.kind === 'constant')
      bind(
        value,
        lowering.constant(
          value.dtype,
          value.shape.map(Number),
          Array.from<number | bigint, number>(value.origin.data, Number),
        ),
      );
  }
  for (const node of graph.nodes) {
    const names = node.op.lower(lowering, node);
    node.outputs.forEach((output, index) => {
      bind(output, present(names[index], `${node.op.name} lowers every output`));
    });
  }
  return {
    nodes: nameOutputs(graph.outputs, nodes, lowering),
    inputs: [...graph.inputs, ...graph.parameters.filter(({ name }) => !isExternal || live.has(name))],
    outputs: graph.outputs,
    initializers: [
      ...initializers,
      ...(isExternal ? weights.map((weight) => externalInitializer(graph, weight, layout)) : []),
    ],
  };
}

/** Constants up to this many elements are written once. */
const sharedConstantLength = 8192;

interface LoweringState {
  readonly lowering: Lowering;
  readonly bind: (value: Value, name: string) => void;
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxInitializer[];
}

/** Internal names begin with '%', so no given name is met twice. */
function createLowering(graph: Graph, provider: Provider, weights: readonly StoredWeight[]): LoweringState {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxInitializer[] = [];
  const names = new Map<Value, string>();
  const shared = new Map<string, string>();
  const used = new Set<Value>([
    ...graph.nodes.flatMap(({ inputs }) => inputs),
    ...graph.outputs.map(({ value }) => value),
  ]);
  let next = 0;
  const fresh = (): string => `%${String(next++)}`;
  const once = (key: string, make: () => string): string => {
    const known = shared.get(key) ?? make();
    shared.set(key, known);
    return known;
  };
  const lowering: Lowering = {
    provider,
    name: (value) => present(names.get(value), 'operands are lowered first'),
    isUsed: (value) => used.has(value),
    node: (type, inputs, options) =>
      present(lowering.nodes(type, inputs, [true], options)[0], 'the node has an output'),
    nodes(type, inputs, outputs, { domain = '', attributes = {} }: LoweredNode = {}) {
      const outputNames = outputs.map((isWanted) => (isWanted ? fresh() : ''));
      nodes.push({ type, domain, inputs: withoutTail(inputs), outputs: withoutTail(outputNames), attributes });
      return outputNames;
    },
    constant(dtype: DType, shape, data) {
      const make = (): string => {
        const name = fresh();
        initializers.push({ kind: 'data', name, dtype, shape, data: packData(dtype, data) });
        return name;
      };
      if (data.length > sharedConstantLength) return make();
      return once(
        `${dtype} ${shape.join()}: ${data.map((each) => (Object.is(each, -0) ? '-0' : String(each))).join()}`,
        make,
      );
    },
    int8: (value) => {
      const { origin } = value;
      if (origin.kind !== 'parameter') return null;
      const locationOf = (form: StoredWeight['form']): string | undefined =>
        weights.find((weight) => weight.parameter === origin.name && weight.form === form)?.location;
      const [data, steps] = [locationOf('int8'), locationOf('steps')];
      return data === undefined || steps === undefined ? null : { data, steps };
    },
    shared: once,
    sizes: (dims, sources) =>
      once(`sizes ${dims.join()} of ${sources.map(({ id }) => id).join()}`, () => lowerSizes(lowering, dims, sources)),
  };
  return {
    lowering,
    bind: (value, name) => {
      names.set(value, name);
    },
    nodes,
    initializers,
  };
}

function withoutTail(names: readonly string[]): readonly string[] {
  return names.slice(0, names.findLastIndex((name) => name !== '') + 1);
}

/** An i64 vector of sizes: runs of numbers are constants, runs of neighbouring axes of one source are read at once. */
function lowerSizes(onnx: Lowering, dims: readonly Dim[], sources: readonly Value[]): string {
  const parts: string[] = [];
  let index = 0;
  while (index < dims.length) {
    const numbers = dims.slice(index).findIndex((dim) => typeof dim === 'string');
    const numberCount = numbers === -1 ? dims.length - index : numbers;
    if (numberCount > 0) {
      parts.push(onnx.constant('i64', [numberCount], dims.slice(index, index + numberCount).map(Number)));
      index += numberCount;
      continue;
    }
    const run = longestRun(dims.slice(index), sources);
    parts.push(
      run === null
        ? lowerSize(onnx, present(dims[index], 'inside the list'), sources)
        : readShape(onnx, run.source, run.axis, run.length),
    );
    index += run?.length ?? 1;
  }
  const [first] = parts;
  return parts.length === 1 && first !== undefined
    ? first
    : onnx.node('Concat', parts, { attributes: { axis: { int: 0 } } });
}

/** How many of the leading dims are neighbouring axes of one source, from one on. */
function longestRun(
  dims: readonly Dim[],
  sources: readonly Value[],
): { readonly source: Value; readonly axis: number; readonly length: number } | null {
  for (const source of sources) {
    const axis = source.shape.findIndex((dim) => dim === dims[0]);
    if (axis === -1) continue;
    const differing = dims.findIndex((dim, offset) => typeof dim === 'number' || dim !== source.shape[axis + offset]);
    return { source, axis, length: differing === -1 ? dims.length : differing };
  }
  return null;
}

function readShape(onnx: Lowering, source: Value, axis: number, length: number): string {
  return onnx.node('Shape', [onnx.name(source)], { attributes: { start: { int: axis }, end: { int: axis + length } } });
}

/** One symbolic size as i64 [1]: Σ coefficient · Π symbols. */
function lowerSize(onnx: Lowering, dim: Dim, sources: readonly Value[]): string {
  const terms = termsOf(dim).map(({ coefficient, symbols }) => {
    const factors = symbols.map((symbol) => {
      invariant(
        sources.some(({ shape }) => shape.includes(symbol)),
        `a source of the size ${symbol} is among the operands`,
      );
      return onnx.sizes([symbol], sources);
    });
    if (coefficient !== 1 || factors.length === 0) factors.push(onnx.constant('i64', [1], [coefficient]));
    return factors.reduce((product, factor) => onnx.node('Mul', [product, factor]));
  });
  return terms.reduce((sum, term) => onnx.node('Add', [sum, term]));
}

/** Gives the results their output names; a value that has a name already, or two, is copied. */
function nameOutputs(outputs: readonly NamedValue[], nodes: readonly OnnxNode[], onnx: Lowering): readonly OnnxNode[] {
  const computed = new Set(nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const copies: OnnxNode[] = [];
  for (const { name, value } of outputs) {
    const internal = onnx.name(value);
    if (computed.has(internal) && !renamed.has(internal)) renamed.set(internal, name);
    else copies.push({ type: 'Identity', domain: '', inputs: [internal], outputs: [name], attributes: {} });
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  return [...nodes, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
}

function externalInitializer(
  graph: Graph,
  { parameter, form, location, isTransposed }: StoredWeight,
  layout: ParameterLayout | undefined,
): OnnxInitializer {
  const { shape } = present(
    graph.parameters.find(({ name }) => name === parameter),
    'stored weights are parameters',
  );
  const sizes = shape.map(Number);
  const place = layout?.get(parameter);
  const length = sizes.reduce((product, size) => product * size, 1);
  if (place?.length !== length) {
    throw new ShapeError('weight not in the layout', {
      where: parameter,
      expected: `${String(length)} elements`,
      got: place === undefined ? 'none' : String(place.length),
    });
  }
  const external = { kind: 'external', name: location } as const;
  if (form === 'f32') {
    return {
      ...external,
      dtype: 'f32',
      shape: sizes,
      location: place.location ?? 'weights',
      offsetBytes: place.offset * 4,
      lengthBytes: length * 4,
    };
  }
  const matrix = isTransposed ? sizes.toReversed() : sizes;
  if (form === 'int8')
    return { ...external, dtype: 'u8', shape: matrix, location, offsetBytes: 0, lengthBytes: length };
  const columns = matrix.slice(1);
  return { ...external, dtype: 'f32', shape: columns, location, offsetBytes: 0, lengthBytes: 4 * (columns[0] ?? 0) };
}
