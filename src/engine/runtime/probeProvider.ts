/** Whether ONNX Runtime can execute on a provider here, and if not, why and what helps. A process of its own tries it,
 *  with a program of one product: a driver that is missing complains on stderr, and one that is broken may end the
 *  process. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../../base/errors.js';
import { finishGraph } from '../tensor/graph.js';
import { matmul } from '../tensor/ops/all.js';
import { toOnnx } from '../tensor/onnx.js';
import { createTrace } from '../tensor/trace.js';
import type { Provider } from './protocol.js';

export type ProviderProbe =
  { readonly kind: 'usable' } | { readonly kind: 'unusable'; readonly reason: string; readonly remedy: string };

/** How a trial ended: what it printed, and how the process ended where it printed no result. */
export interface Trial {
  readonly result: { readonly values: readonly number[] } | { readonly error: string } | null;
  readonly stderr: string;
  readonly ending: string;
}

/** First runs compile kernels; software adapters take seconds. */
const timeoutMs = 60_000;

/** [1, 2; 3, 4]² */
const square = [7, 10, 15, 22];

const script = `
const [path, provider, model] = process.argv.slice(1);
const ort = require(path);
const print = (result) => require('node:fs').writeSync(1, JSON.stringify(result));
ort.InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders: [provider] })
  .then((session) => session.run({ x: new ort.Tensor('float32', [1, 2, 3, 4], [2, 2]) }))
  .then(({ y }) => print({ values: Array.from(y.data) }), (error) => print({ error: error.message }));
`;

export async function probeProvider(provider: Provider): Promise<ProviderProbe> {
  return judgeTrial(provider, await tryProvider(provider), `${process.platform}-${process.arch}`);
}

/** @throws EnvironmentError with the reason and the remedy when the provider cannot be used here */
export async function requireProvider(provider: Provider): Promise<void> {
  const probe = await probeProvider(provider);
  if (probe.kind === 'usable') return;
  throw new EnvironmentError(`This machine cannot execute models on ${provider}`, {
    got: probe.reason,
    remedy: `${probe.remedy} Or use the device cpu.`,
  });
}

function tryProvider(provider: Provider): Promise<Trial> {
  const trace = createTrace();
  const x = trace.input('x', 'f32', [2, 2]);
  const model = Buffer.from(toOnnx(finishGraph(trace, { y: matmul(x, x) }), { provider })).toString('base64');
  const path = createRequire(import.meta.url).resolve('onnxruntime-node');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['-e', script, path, provider, model],
      { timeout: timeoutMs, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        resolve({ result: parseResult(stdout), stderr, ending: endingOf(error) });
      },
    );
  });
}

function parseResult(stdout: string): Trial['result'] {
  try {
    return JSON.parse(stdout) as Trial['result'];
  } catch {
    return null; // the process ended before it printed one
  }
}

function endingOf(
  error: (Error & { readonly killed?: boolean; readonly signal?: string | null; readonly code?: unknown }) | null,
): string {
  if (error === null) return 'ended without a result';
  if (error.killed === true) return `gave no answer within ${String(timeoutMs / 1000)} s`;
  return typeof error.signal === 'string' ? `ended with ${error.signal}` : `ended with code ${String(error.code)}`;
}

/** Judges a trial. @param platform as `linux-x64` */
export function judgeTrial(provider: Provider, { result, stderr, ending }: Trial, platform: string): ProviderProbe {
  if (result === null) return unusable(provider, `the trial run ${ending}`, 'The driver may be broken: update it.');
  if ('values' in result) {
    if (result.values.join() === square.join()) return { kind: 'usable' };
    return unusable(
      provider,
      `a product of two matrices came out as ${result.values.join(', ')}`,
      'The driver may be broken: update it.',
    );
  }
  switch (provider) {
    case 'webgpu':
      return judgeWebgpu(result.error, stderr);
    case 'cuda':
      return judgeCuda(result.error, stderr, platform);
    default:
      return unusable(provider, lastLine(result.error), 'Install onnxruntime-node again.');
  }
}

const software =
  'Without a graphics card a software adapter does, slowly, such as the SwiftShader of Chromium: VK_ICD_FILENAMES=…/vk_swiftshader_icd.json.';

/** Dawn's words: onnxruntime 1.30.0 on Linux, Vulkan backend. */
function judgeWebgpu(error: string, stderr: string): ProviderProbe {
  if (/Couldn't load Vulkan/i.test(stderr)) {
    return unusable(
      'webgpu',
      'the Vulkan loader libvulkan.so.1 is not installed',
      `Install it (libvulkan1) and the driver of the graphics card. ${software}`,
    );
  }
  if (/Found no drivers|ERROR_INCOMPATIBLE_DRIVER/i.test(stderr)) {
    return unusable(
      'webgpu',
      'Vulkan finds no driver',
      `Install the driver of the graphics card (for many cards mesa-vulkan-drivers). ${software}`,
    );
  }
  if (/WebGPU adapter/i.test(error)) {
    const lacking = /Warning: (.+)\n - While initializing adapter/.exec(stderr)?.[1];
    return unusable(
      'webgpu',
      `no graphics adapter that WebGPU can use${lacking === undefined ? '' : ` (${lacking})`}`,
      `Update the driver of the graphics card. ${software}`,
    );
  }
  return unusable('webgpu', lastLine(error), 'Update the driver of the graphics card.');
}

function judgeCuda(error: string, stderr: string, platform: string): ProviderProbe {
  if (platform !== 'linux-x64')
    return unusable('cuda', `onnxruntime-node has no CUDA libraries for ${platform}`, 'CUDA needs Linux on x64.');
  if (/libonnxruntime_providers_\w+\.so: cannot open/.test(stderr)) {
    return unusable(
      'cuda',
      "ONNX Runtime's CUDA libraries are not installed",
      `Fetch them with: ${cudaInstallCommand()} (some hundred MB; also needed: CUDA 12 and cuDNN 9).`,
    );
  }
  const missing = /(lib[\w.+-]+\.so[\w.]*): cannot open shared object file/.exec(stderr)?.[1];
  if (missing !== undefined)
    return unusable(
      'cuda',
      `${missing} is not found`,
      'Install CUDA 12 and cuDNN 9 where the loader finds them (LD_LIBRARY_PATH).',
    );
  return unusable(
    'cuda',
    lastLine(error),
    'CUDA 12, cuDNN 9 and a working NVIDIA driver are needed: does nvidia-smi list a card?',
  );
}

/** The install script of onnxruntime-node, which a plain install of this package does not run. */
function cudaInstallCommand(): string {
  const folder = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  return `ONNXRUNTIME_NODE_INSTALL=cuda12 node ${join(folder, 'script', 'install.js')}`;
}

function unusable(provider: Provider, reason: string, remedy: string): ProviderProbe {
  return { kind: 'unusable', reason: reason === '' ? `${provider} was refused without a reason` : reason, remedy };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
