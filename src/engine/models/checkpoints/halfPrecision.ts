/** 16-bit floating point, both kinds, to and from f32. Owns the rounding: to nearest, ties to even, as PyTorch does.
 *  Bytes are little-endian, the order of safetensors, GGUF and every machine Node runs on. */

let halfTable: Float32Array | null = null;

/** f32 value of every IEEE 754 binary16 bit pattern: 65,536 entries, built on first use. */
export function halfValues(): Float32Array {
  if (halfTable !== null) return halfTable;
  const bits = new Uint32Array(65536);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const mantissa = half & 0x3ff;
    if (exponent === 0x1f) bits[half] = sign | 0x7f800000 | (mantissa << 13);
    else if (exponent !== 0) bits[half] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    else if (mantissa === 0) bits[half] = sign;
    else {
      // Subnormal: shift the leading one out of the mantissa; its weight is 2^-24.
      const leading = 31 - Math.clz32(mantissa);
      bits[half] = sign | ((leading + 103) << 23) | ((mantissa << (23 - leading)) & 0x7fffff);
    }
  }
  halfTable = new Float32Array(bits.buffer);
  return halfTable;
}

/** Writes the f32 values of `count` binary16 numbers in `bytes` to `out` from `at` on. */
export function readHalf(bytes: Uint8Array, count: number, out: Float32Array, at: number): void {
  // Moved as bits: a copy through a floating-point register may quiet a signalling NaN.
  const table = new Uint32Array(halfValues().buffer);
  const outBits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < count; i++) {
    const half = (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8);
    outBits[at + i] = table[half] as number;
  }
}

/** Writes the f32 values of `count` bfloat16 numbers in `bytes` to `out` from `at` on. */
export function readBrainFloat(bytes: Uint8Array, count: number, out: Float32Array, at: number): void {
  const outBits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < count; i++) {
    outBits[at + i] = ((bytes[2 * i] as number) << 16) | ((bytes[2 * i + 1] as number) << 24);
  }
}

/** IEEE 754 binary16 bits of f32 values; overflow becomes infinity. */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const word = bits[i] as number;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00;
    else if (magnitude >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (magnitude >= 0x38800000) {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      out[i] = sign | ((rounded - 0x38000000) >>> 13);
    } else if (magnitude < 0x33000000) out[i] = sign;
    else {
      const shift = 126 - (magnitude >>> 23);
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      const kept = mantissa >>> shift;
      const rest = mantissa & ((1 << shift) - 1);
      const tie = 1 << (shift - 1);
      out[i] = sign | (kept + (rest > tie || (rest === tie && (kept & 1) === 1) ? 1 : 0));
    }
  }
  return out;
}

/** bfloat16 bits of f32 values. */
export function toBrainFloat(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const word = bits[i] as number;
    const isNaNumber = (word & 0x7fffffff) > 0x7f800000;
    out[i] = isNaNumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
