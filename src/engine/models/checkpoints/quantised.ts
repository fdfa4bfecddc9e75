/** Weights that are no plain numbers: quantised by one of the methods that config.json's `quantization_config` names,
 *  with scales beside them, or stored as integers or 8-bit floats. */
import { ConfigError } from '../../../base/errors.js';
import type { CheckpointTensor } from './checkpoint.js';
import { isRecord } from './jsonFile.js';

const plainTypes: readonly string[] = ['F64', 'F32', 'F16', 'BF16'];

/** @throws ConfigError naming the method and the element type of a quantised checkpoint */
export function refuseQuantised(
  tensors: ReadonlyMap<string, CheckpointTensor>,
  config: Readonly<Record<string, unknown>>,
  where: string,
): void {
  const settings = isRecord(config['quantization_config']) ? config['quantization_config'] : null;
  // Buffers of old checkpoints are integers too: masks and positions.
  const found = [...tensors.values()].find(
    ({ name, dtype, shape }) =>
      !plainTypes.includes(dtype) &&
      (settings === null
        ? shape.length >= 2 && /weight(_packed)?$/.test(name)
        : /weight|scale|zero|SCB|absmax/.test(name)),
  );
  if (found === undefined) return;
  const method = settings === null ? null : methodOf(settings);
  throw new ConfigError(`the weights are quantised${method === null ? '' : ` (${method})`}`, {
    where: settings === null ? where : `${where}/config.json: quantization_config`,
    expected: 'weights of type F32, F16, BF16 or F64',
    got: `${found.name} of type ${found.dtype}`,
    remedy: 'Take the model in its original precision, a GGUF file of it, or serve it and use it as a remote target.',
  });
}

function methodOf(settings: Readonly<Record<string, unknown>>): string {
  const method = typeof settings['quant_method'] === 'string' ? settings['quant_method'] : 'unknown method';
  const bits =
    settings['load_in_4bit'] === true
      ? 4
      : settings['load_in_8bit'] === true
        ? 8
        : typeof settings['bits'] === 'number'
          ? settings['bits']
          : null;
  return bits === null ? method : `${method}, ${String(bits)} bits`;
}
