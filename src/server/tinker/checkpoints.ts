/** Checkpoints of the models that are trained here, as folders: ROOT/RUN/weights/NAME is a trainer's whole state,
 *  ROOT/RUN/sampler_weights/NAME an adapter in PEFT's layout. Their addresses are tinker://RUN/KIND/NAME. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { readJsonObject } from '../../base/json.js';
import { readAs } from '../../base/readAs.js';
import { packTar } from '../../base/tar.js';
import { writeDirectoryAtomically } from '../../engine/models/checkpoints/atomicDirectory.js';
import { ApiError, badRequest } from '../apiError.js';

export const checkpointKinds = ['weights', 'sampler_weights'] as const;
export type CheckpointKind = (typeof checkpointKinds)[number];

export interface CheckpointPlace {
  readonly run: string;
  readonly kind: CheckpointKind;
  readonly name: string;
}

const infoSchema = z.object({ baseModel: z.string(), rank: z.int().min(1) });
/** Kept beside the weights. */
export type CheckpointInfo = z.output<typeof infoSchema>;

export interface Checkpoints {
  /** @param fill writes into an existing folder: `adapter/`, and what else a state holds
   *  @throws ApiError 400 for a name that cannot be a folder's, 409 for one that is taken */
  readonly save: (
    place: CheckpointPlace,
    info: CheckpointInfo,
    fill: (folder: string) => Promise<void>,
    overwrite: boolean,
  ) => Promise<void>;
  /** @throws ApiError 404 */
  readonly find: (place: CheckpointPlace) => { readonly folder: string; readonly info: CheckpointInfo };
  readonly list: (run: string) => Promise<readonly (CheckpointPlace & { readonly time: string })[]>;
  /** The adapter of a checkpoint as a tar.gz of PEFT's two files. @throws ApiError 404 */
  readonly archive: (place: CheckpointPlace) => Promise<Uint8Array>;
  readonly remove: (place: CheckpointPlace) => Promise<void>;
}

const infoName = 'gadfly.json';
const fileNames = ['adapter_config.json', 'adapter_model.safetensors'] as const;

/** @param root made when first needed */
export function openCheckpoints(root: string): Checkpoints {
  const folderOf = ({ run, kind, name }: CheckpointPlace): string =>
    join(root, requireName(run), kind, requireName(name));
  const find: Checkpoints['find'] = (place) => {
    const folder = folderOf(place);
    const info = join(folder, infoName);
    if (existsSync(info)) return { folder, info: readAs(infoSchema, readJsonObject(info), info) };
    throw new ApiError(404, `there is no checkpoint ${addressOf(place)}`, { code: 'unknown_checkpoint' });
  };
  return {
    find,
    save: async (place, info, fill, overwrite) => {
      const folder = folderOf(place);
      if (existsSync(folder) && !overwrite)
        throw new ApiError(409, `${addressOf(place)} is there already; ask for overwrite`, { code: 'name_taken' });
      await writeDirectoryAtomically(folder, {
        mayReplace: () => overwrite,
        fill: async (temporary) => {
          await fill(temporary);
          await writeFile(join(temporary, infoName), `${JSON.stringify(info)}\n`);
        },
      });
    },
    list: async (run) => {
      const places: (CheckpointPlace & { readonly time: string })[] = [];
      for (const kind of checkpointKinds) {
        const folder = join(root, requireName(run), kind);
        for (const name of existsSync(folder) ? (await readdir(folder)).sort() : []) {
          if (name.startsWith('.')) continue;
          const { mtime } = await stat(join(folder, name, infoName));
          places.push({ run, kind, name, time: mtime.toISOString() });
        }
      }
      return places;
    },
    archive: async (place) => {
      const { folder } = find(place);
      const files = [];
      for (const name of fileNames) files.push({ name, bytes: await readFile(join(folder, 'adapter', name)) });
      return gzipSync(packTar(files), { level: 1 });
    },
    remove: async (place) => {
      await rm(find(place).folder, { recursive: true, force: true });
    },
  };
}

export function addressOf({ run, kind, name }: CheckpointPlace): string {
  return `tinker://${run}/${kind}/${name}`;
}

/** @throws ApiError 400 for what is no address of a checkpoint */
export function readAddress(address: string): CheckpointPlace {
  const [, run = '', kindText, name = ''] = /^tinker:\/\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(address) ?? [];
  const kind = checkpointKinds.find((each) => each === kindText);
  if (kind === undefined)
    throw badRequest(`an address is tinker://RUN/${checkpointKinds.join('|')}/NAME, not '${address}'`, 'path');
  return { run: requireName(run), kind, name: requireName(name) };
}

/** A name that is a folder's and nothing else: no path leads out of the root. */
function requireName(name: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name)) return name;
  throw badRequest('a name is made of letters, digits, dot, dash and underscore', 'path');
}
