/** How quickly a model reads, writes and learns on this machine, as `gadfly bench` measured it: a small JSON file in
 *  the cache for each model, number of threads, device, processor and set of versions. Estimates read them; nothing
 *  else depends on them. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../base/makeFolder.js';
import { listFolder, onDisk, writeFileAtomic } from '../base/files.js';
import { jsonEqual, jsonText, readJsonObject } from '../base/json.js';
import { positive } from '../base/schemaParts.js';
import { describeVersions } from '../runs/manifest.js';

/** A rate holds for one such key. */
export interface RateKey {
  /** The value of `modelIdentity`. */
  readonly model: string;
  readonly threads: number;
  readonly device: string;
  readonly processor: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** Tokens per second over all rows of a batch, the reading of the prompt not counted. */
export interface GeneratingRate {
  readonly batch: number;
  readonly tokensPerSecond: number;
}

export interface SpeakingRates {
  /** Tokens per second. */
  readonly reading: number;
  /** By batch, smallest first; at least one. */
  readonly generating: readonly GeneratingRate[];
}

export interface ModelRates {
  readonly key: RateKey;
  /** The model's name when it was measured. */
  readonly name: string;
  readonly measuredAt: string;
  /** The rates of a target, whose weights do not change. */
  readonly frozen: SpeakingRates;
  /** The rates of an adversary in training; null where this machine cannot train the model. */
  readonly trainable:
    (SpeakingRates & { /** Tokens per second, optimizer step included. */ readonly training: number }) | null;
  /** Lengths of utterances in short dialogues of the model with itself, in tokens. */
  readonly utterances: {
    readonly format: string;
    /** No utterance was let grow longer. */
    readonly limit: number;
    readonly adversary: readonly number[];
    readonly target: readonly number[];
  };
}

const speakingRates = z.object({
  reading: positive,
  generating: z.array(z.object({ batch: positive, tokensPerSecond: positive })).min(1),
});
const lengths = z.array(z.number());

const ratesSchema: z.ZodType<ModelRates> = z.object({
  schema: z.literal(1),
  key: z.object({
    model: z.string(),
    threads: z.number(),
    device: z.string(),
    processor: z.string(),
    versions: z.record(z.string(), z.string()),
  }),
  name: z.string(),
  measuredAt: z.string(),
  frozen: speakingRates,
  trainable: speakingRates.extend({ training: positive }).nullable(),
  utterances: z.object({ format: z.string(), limit: z.number(), adversary: lengths, target: lengths }),
});

const sampleBytes = 65_536;

/** Tells models apart without reading them whole: names, sizes, and the first and last 64 KiB of every file.
 *  @param path a model folder or a .gguf file */
export function modelIdentity(path: string): string {
  return onDisk(path, () => {
    const hash = createHash('sha256');
    const files = statSync(path).isDirectory() ? listFolder(path).map((name) => join(path, name)) : [path];
    for (const file of files) {
      const status = statSync(file);
      if (!status.isFile()) continue;
      hash.update(`${basename(file)}\0${status.size}\0`);
      const fd = openSync(file, 'r');
      try {
        for (const start of [0, Math.max(0, status.size - sampleBytes)]) {
          const bytes = Buffer.alloc(sampleBytes);
          hash.update(bytes.subarray(0, readSync(fd, bytes, 0, sampleBytes, start)));
        }
      } finally {
        closeSync(fd);
      }
    }
    return hash.digest('hex').slice(0, 16);
  });
}

export function rateKey(modelPath: string, { threads, device }: Pick<RateKey, 'threads' | 'device'>): RateKey {
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  return { model: modelIdentity(modelPath), threads, device, processor, versions: describeVersions() };
}

/** Returns the path of a key's rates below a cache folder. */
export function ratesPath(cacheFolder: string, key: RateKey): string {
  const { model, threads, device, processor, versions } = key;
  const text = jsonText([model, threads, device, processor, Object.entries(versions).sort()]);
  return join(cacheFolder, 'gadfly-rates', `${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`);
}

/** @returns the path of the file. @throws EnvironmentError when it cannot be written */
export function writeRates(cacheFolder: string, rates: ModelRates): string {
  const path = ratesPath(cacheFolder, rates.key);
  onDisk(path, () => {
    makeFolder(join(cacheFolder, 'gadfly-rates'));
  });
  writeFileAtomic(path, `${jsonText({ schema: 1, ...rates }, 1)}\n`);
  return path;
}

/** The rates measured for this very key; null when there are none, or when the file is none of ours: measuring again
 *  mends that. */
export function readRates(cacheFolder: string, key: RateKey): ModelRates | null {
  const path = ratesPath(cacheFolder, key);
  if (!existsSync(path)) return null;
  try {
    const parsed = ratesSchema.safeParse(readJsonObject(path));
    return parsed.success && jsonEqual(parsed.data.key, key) ? parsed.data : null;
  } catch {
    return null;
  }
}
