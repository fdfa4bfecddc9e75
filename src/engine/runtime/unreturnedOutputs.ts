/** Running a program without copying its outputs.
 *
 *  The Node binding writes preallocated outputs in place, and then copies every one of them again into a new array that
 *  it returns: 128 MB cost 150 ms instead of 20. Outputs are converted one after another, in the order of the graph,
 *  and one that is no tensor makes the conversion fail, with a known message, when all of them have already been
 *  written. So a graph gets an empty sequence as an additional first output; asking for it along with preallocated
 *  outputs gives them and nothing else. Without it, or if a later binding can convert sequences, everything works as
 *  usual, with the copy. Only the public interface is used. Source: onnxruntime 1.30.0,
 *  js/node/src/inference_session_wrap.cc and tensor_helper.cc. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { FormatError } from '../../base/errors.js';
import { dtypes } from '../tensor/dtype.js';
import { encodeMessage, integerField, messageField, stringField } from '../tensor/protobuf.js';

const sentinel = 'gadfly.nothing';
const conversionRefused = 'Non tensor type is temporarily not supported';

export type Tensors = Readonly<Record<string, Tensor>>;

/** Writes the outputs in place; every tensor of `outputs` must have the shape that the run will compute. */
export async function runInPlace(session: InferenceSession, feeds: Tensors, outputs: Tensors): Promise<void> {
  try {
    await session.run(feeds, { [sentinel]: null, ...outputs });
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes(conversionRefused)) throw error;
  }
}

/** The model with the additional output. onnx.proto3: ModelProto.graph = 7; GraphProto.node = 1, .output = 12; repeated
 *  fields keep the order in which they are written, and a message may be written in several parts, so the new ones go
 *  before the old graph's bytes. */
export function withUnreturnedOutputs(model: Uint8Array): Uint8Array {
  const { start, contentStart, end } = findGraph(model);
  const dtype = messageField(5, stringField(1, 'dtype'), integerField(3, dtypes.f32.onnx), integerField(20, 2)); // AttributeProto: .i, .type = INT
  const node = messageField(1, stringField(2, sentinel), stringField(4, 'SequenceEmpty'), dtype);
  // ValueInfoProto: .type.sequence_type.elem_type.tensor_type.elem_type
  const type = messageField(2, messageField(4, messageField(1, messageField(1, integerField(1, dtypes.f32.onnx)))));
  const output = messageField(12, stringField(1, sentinel), type);
  return encodeMessage([model.subarray(0, start)], messageField(7, node, output, [model.subarray(contentStart, end)]), [
    model.subarray(end),
  ]);
}

function findGraph(model: Uint8Array): { readonly start: number; readonly contentStart: number; readonly end: number } {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = model[at];
      if (byte === undefined) throw new FormatError('The ONNX bytes end in the middle of a field');
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < model.length) {
    const start = at;
    const tag = readVarint();
    switch (tag & 7) {
      case 0:
        readVarint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = readVarint();
        if (tag >>> 3 === 7) return { start, contentStart: at, end: at + length };
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new FormatError('The ONNX bytes are not a protocol buffer', { got: `field tag ${tag}` });
    }
  }
  throw new FormatError('The ONNX bytes hold no graph');
}
