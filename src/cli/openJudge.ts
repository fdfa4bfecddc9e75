/** Opens a judge for one command, and the device only when the judge asks for it. */
import type { Judge } from '../dialogue/types.js';
import type { Device } from '../engine/runtime/device.js';
import { openJudge } from '../speakers/judges/all.js';
import type { JudgeSpec } from '../speakers/judges/judgeKind.js';
import type { CommandContext } from './command.js';
import { cacheFolder, isOffline } from './modelCache.js';

/** Closes what it opened, also when `use` fails. */
export async function withJudge<T>(spec: JudgeSpec, context: CommandContext, use: (judge: Judge) => Promise<T>): Promise<T> {
  let device: Promise<Device> | null = null;
  const { terminal, globals } = context;
  try {
    const judge = await openJudge(spec, {
      device: () => (device ??= import('./openModel.js').then(({ openCommandDevice }) => openCommandDevice(context))),
      cacheDir: cacheFolder(globals, terminal.environment),
      offline: isOffline(terminal.environment),
    });
    return await use(judge);
  } finally {
    if (device !== null) await (await (device as Promise<Device>)).close();
  }
}
