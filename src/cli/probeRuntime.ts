/** Whether this machine can execute models: opens the device and runs a judge's smallest need, a program of one
 *  addition. */
import { finishGraph } from '../engine/tensor/graph.js';
import { createTrace } from '../engine/tensor/trace.js';
import type { CommandContext } from './command.js';
import { openCommandDevice } from './openModel.js';

export async function probeRuntime(
  context: CommandContext,
): Promise<{ readonly outcome: 'ok' | 'fails'; readonly detail: string }> {
  const device = await openCommandDevice(context);
  try {
    const trace = createTrace();
    const store = await device.createStore([{ name: 'w', shape: [2] }]);
    await device.write(store, 'w', Float32Array.of(1, 2));
    const program = await device.compile(finishGraph(trace, { out: trace.parameter('w', [2]) }), { store });
    const { out } = await device.run(program, {});
    const works = out !== undefined && Array.from(out.data as Float32Array).join() === '1,2';
    return {
      outcome: works ? 'ok' : 'fails',
      detail: works ? `onnxruntime on ${device.provider}, ${device.threads} threads` : 'a program gave a wrong result',
    };
  } finally {
    await device.close();
  }
}
