import { describe, expect, it } from 'vitest';
import { judgeTrial, probeProvider, type Trial } from './probeProvider.js';

/** The message of onnxruntime-node 1.30.0 on Linux, shortened. */
const noAdapter =
  'webgpu_context.cc:136 adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters';
const refused = (error: string, stderr: string): Trial => ({
  result: { error },
  stderr,
  ending: 'ended without a result',
});
const reasonOf = (provider: 'webgpu' | 'cuda', trial: Trial, platform = 'linux-x64'): string => {
  const probe = judgeTrial(provider, trial, platform);
  return probe.kind === 'usable' ? 'usable' : `${probe.reason}. ${probe.remedy}`;
};

describe('a trial of a provider', () => {
  it('finds the CPU usable everywhere', async () => {
    expect(await probeProvider('cpu')).toEqual({ kind: 'usable' });
  });

  it('is believed only with the right product', () => {
    expect(
      judgeTrial(
        'webgpu',
        { result: { values: [7, 10, 15, 22] }, stderr: 'Warning: a driver talks', ending: '' },
        'linux-x64',
      ),
    ).toEqual({ kind: 'usable' });
    expect(reasonOf('webgpu', { result: { values: [0, 0, 0, 0] }, stderr: '', ending: '' })).toMatch(
      /came out as 0, 0, 0, 0/,
    );
  });

  it('on WebGPU says whether the loader, a driver or a feature is missing', () => {
    const noLoader =
      "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory\n";
    expect(reasonOf('webgpu', refused(noAdapter, noLoader))).toMatch(
      /loader libvulkan\.so\.1 is not installed.*libvulkan1/,
    );
    const noDriver =
      'Warning: vkCreateInstance: Found no drivers!\nWarning: vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER\n';
    expect(reasonOf('webgpu', refused(noAdapter, noDriver))).toMatch(/finds no driver.*VK_ICD_FILENAMES/);
    const weak =
      'Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.\n - While initializing adapter (backend=BackendType::Vulkan)\n';
    expect(reasonOf('webgpu', refused(noAdapter, weak))).toMatch(/ArrayDynamicIndexing required/);
    expect(reasonOf('webgpu', refused('device lost', ''))).toMatch(/^device lost/);
  });

  it('on CUDA says which library is missing and how to get it', () => {
    const shared =
      'Failed to load library /app/libonnxruntime_providers_shared.so with error: /app/libonnxruntime_providers_shared.so: cannot open shared object file: No such file or directory';
    expect(reasonOf('cuda', refused('Failed to load shared library', shared))).toMatch(
      /CUDA libraries are not installed.*ONNXRUNTIME_NODE_INSTALL=cuda12 node .*install\.js/,
    );
    const cublas =
      'Failed to load library /app/libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: No such file or directory';
    expect(reasonOf('cuda', refused('Failed to load shared library', cublas))).toMatch(
      /^libcublasLt\.so\.12 is not found.*cuDNN 9/,
    );
    expect(reasonOf('cuda', refused('CUDA failure 100: no CUDA-capable device is detected', ''))).toMatch(
      /no CUDA-capable device.*nvidia-smi/,
    );
    expect(reasonOf('cuda', refused('Failed to load shared library', shared), 'darwin-arm64')).toMatch(
      /no CUDA libraries for darwin-arm64/,
    );
  });

  it('that ends the process, or never ends, is an answer too', () => {
    expect(reasonOf('webgpu', { result: null, stderr: '', ending: 'ended with SIGSEGV' })).toMatch(
      /trial run ended with SIGSEGV/,
    );
  });
});
