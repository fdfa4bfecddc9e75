/** ONNX models as plain data, and their bytes. Owns the field numbers.
 *  Source: onnx.proto3 of ONNX 1.18 (IR version 11). */
import type { Shape } from './dimension.js';
import { dtypes, type DType, type TensorData } from './dtype.js';
import {
  bytesField,
  encodeMessage,
  floatField,
  integerField,
  messageField,
  stringField,
  type Fields,
} from './protobuf.js';
import type { OnnxAttribute } from './value.js';

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly initializers: readonly OnnxInitializer[];
}

export interface OnnxNode {
  readonly type: string;
  /** '' is the default domain. */
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export type OnnxInitializer = {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
} & (
  | { readonly kind: 'data'; readonly data: TensorData }
  | { readonly kind: 'external'; readonly location: string; readonly offsetBytes: number; readonly lengthBytes: number }
);

const irVersion = 11;
/** 23 brings RotaryEmbedding with cosines and sines by token. */
const opset = 23;

export function encodeModel({ nodes, inputs, outputs, initializers }: OnnxModel): Uint8Array {
  const graph = [
    ...nodes.map((node) => messageField(1, ...nodeFields(node))),
    stringField(2, 'gadfly'),
    ...initializers.map((each) => messageField(5, ...initializerFields(each))),
    ...inputs.map((each) => messageField(11, ...valueInfoFields(each))),
    ...outputs.map((each) => messageField(12, ...valueInfoFields(each))),
  ];
  return encodeMessage(
    integerField(1, irVersion),
    stringField(2, 'gadfly'),
    messageField(7, ...graph),
    messageField(8, stringField(1, ''), integerField(2, opset)),
    messageField(8, stringField(1, 'com.microsoft'), integerField(2, 1)),
  );
}

function nodeFields({ type, domain, inputs, outputs, attributes }: OnnxNode): readonly Fields[] {
  return [
    ...inputs.map((name) => stringField(1, name)),
    ...outputs.map((name) => stringField(2, name)),
    stringField(4, type),
    ...Object.entries(attributes).map(([name, attribute]) =>
      messageField(5, stringField(1, name), ...attributeFields(attribute)),
    ),
    ...(domain === '' ? [] : [stringField(7, domain)]),
  ];
}

function attributeFields(attribute: OnnxAttribute): readonly Fields[] {
  if ('float' in attribute) return [floatField(2, attribute.float), integerField(20, 1)];
  if ('int' in attribute) return [integerField(3, attribute.int), integerField(20, 2)];
  if ('string' in attribute) return [stringField(4, attribute.string), integerField(20, 3)];
  return [...attribute.ints.map((each) => integerField(8, each)), integerField(20, 7)];
}

function initializerFields(initializer: OnnxInitializer): readonly Fields[] {
  const { name, dtype, shape } = initializer;
  const header = [
    ...shape.map((size) => integerField(1, size)),
    integerField(2, dtypes[dtype].onnx),
    stringField(8, name),
  ];
  if (initializer.kind === 'data') {
    const { buffer, byteOffset, byteLength } = initializer.data;
    return [...header, bytesField(9, new Uint8Array(buffer, byteOffset, byteLength))];
  }
  const entry = (key: string, value: string): Fields => messageField(13, stringField(1, key), stringField(2, value));
  const { location, offsetBytes, lengthBytes } = initializer;
  return [
    ...header,
    entry('location', location),
    entry('offset', String(offsetBytes)),
    entry('length', String(lengthBytes)),
    integerField(14, 1),
  ];
}

function valueInfoFields({ name, dtype, shape }: OnnxValueInfo): readonly Fields[] {
  const dims = shape.map((dim) =>
    messageField(1, typeof dim === 'number' ? integerField(1, dim) : stringField(2, dim)),
  );
  return [
    stringField(1, name),
    messageField(2, messageField(1, integerField(1, dtypes[dtype].onnx), messageField(2, ...dims))),
  ];
}
