import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../base/errors.js';
import type { CheckpointTensor } from './checkpoint.js';
import { refuseQuantised } from './quantised.js';

const tensor = (
  name: string,
  dtype: string,
  shape: readonly number[] = [4, 4],
): readonly [string, CheckpointTensor] => [
  name,
  { name, dtype, shape, read: () => Promise.reject(new Error('nothing is read')) },
];
const check =
  (config: Readonly<Record<string, unknown>>, ...tensors: readonly (readonly [string, CheckpointTensor])[]) =>
  (): void => {
    refuseQuantised(new Map(tensors), config, 'model');
  };

describe('a quantised checkpoint', () => {
  it.each([
    ['fp8', { quant_method: 'fp8' }, 'down_proj.weight', 'F8_E4M3', /quantised \(fp8\)[^]*F8_E4M3/],
    ['8 bits', { quant_method: 'bitsandbytes', load_in_8bit: true }, 'q_proj.weight', 'I8', /bitsandbytes, 8 bits/],
    ['4 bits', { quant_method: 'bitsandbytes', load_in_4bit: true }, 'q_proj.weight', 'U8', /bitsandbytes, 4 bits/],
    ['GPTQ', { quant_method: 'gptq', bits: 4 }, 'q_proj.qweight', 'I32', /gptq, 4 bits/],
    ['packed', { quant_method: 'compressed-tensors' }, 'q_proj.weight_packed', 'I32', /compressed-tensors/],
  ])('(%s) is refused by the name of its method', (_kind, settings, name, dtype, message) => {
    const refused = check({ quantization_config: settings }, tensor(name, dtype), tensor('norm.weight', 'BF16', [4]));
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(message);
  });

  it('is refused by its element type where config.json says nothing of it', () => {
    expect(check({}, tensor('model.layers.0.mlp.up_proj.weight', 'F8_E5M2'))).toThrow(/F8_E5M2/);
  });

  it('is none with plain weights, whatever buffers lie beside them', () => {
    expect(check({}, tensor('wte.weight', 'F16'), tensor('h.0.attn.bias', 'U8', [1, 1, 8, 8]))).not.toThrow();
    expect(check({ quantization_config: { quant_method: 'fp8' } }, tensor('wte.weight', 'F32'))).not.toThrow();
  });
});
