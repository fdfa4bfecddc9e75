import { describe, expect, it } from 'vitest';
import { ConfigError, FormatError, GadflyError } from './errors.js';

describe('errors', () => {
  it('a message says where, what was expected, what was found and what to do', () => {
    const error = new FormatError('tensor is shorter than its shape', {
      where: 'model.safetensors',
      expected: '64 bytes',
      got: '60 bytes',
      remedy: 'Download the file again.',
    });
    expect(error.message).toBe(
      'model.safetensors: tensor is shorter than its shape\n  expected: 64 bytes\n  got:      60 bytes\n  remedy:   Download the file again.',
    );
    expect(error.code).toBe('format');
  });

  it('every error is a GadflyError with its own name and keeps its cause', () => {
    const cause = new Error('inner');
    const error = new ConfigError('outer', { cause });
    expect(error).toBeInstanceOf(GadflyError);
    expect(error.name).toBe('ConfigError');
    expect(error.cause).toBe(cause);
  });
});
