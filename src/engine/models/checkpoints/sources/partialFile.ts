/** A download lies, while it is on its way, beside its blob, under the name of the process that fetches it, so
 *  that two processes never write one file, and the next one goes on where a killed or cut one has stopped. */
import { readdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface PartialFile {
  readonly path: string;
  /** It became the blob, or was removed. */
  readonly finish: () => void;
  /** Leaves it, if it is there, for the next process. */
  readonly leave: () => Promise<void>;
}

/** Files that this process writes now. */
const ownPaths = new Set<string>();
let created = 0;

/** Takes over the longest beginning of the blob that no process works on; without one the path is free. */
export async function claimPartialFile(blob: string): Promise<PartialFile> {
  const folder = dirname(blob);
  const path = join(folder, `${basename(blob)}.${process.pid}-${created++}.incomplete`);
  ownPaths.add(path);
  for (const { name } of await abandoned(folder, basename(blob))) {
    // Another process may be quicker: then the next longest.
    if (
      await rename(join(folder, name), path).then(
        () => true,
        () => false,
      )
    )
      break;
  }
  return {
    path,
    finish: () => void ownPaths.delete(path),
    leave: async () => {
      ownPaths.delete(path);
      await rename(path, join(folder, `${basename(blob)}.0.incomplete`)).catch(() => undefined); // Not there: nothing came.
    },
  };
}

async function abandoned(
  folder: string,
  blob: string,
): Promise<readonly { readonly name: string; readonly size: number }[]> {
  const names = (await readdir(folder)).filter((name) => {
    const [, owner] = new RegExp(`^${blob}\\.(\\d+)(?:-\\d+)?\\.incomplete$`).exec(name) ?? [];
    return (
      owner !== undefined &&
      !ownPaths.has(join(folder, name)) &&
      (Number(owner) === process.pid || !isAlive(Number(owner)))
    );
  });
  const sized = await Promise.all(
    names.map(async (name) => ({
      name,
      size: await stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    })),
  );
  return sized.sort((a, b) => b.size - a.size);
}

/** Process 0 stands for no process. */
function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
