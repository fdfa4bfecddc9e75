import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { openDevice, type Device } from '../runtime/device.js';
import {
  adaptLanguageModel,
  hashLanguageModel,
  type LanguageModel,
  openLanguageModel,
  saveLanguageModel,
} from './languageModel.js';
import { allLogits } from './testing/allLogits.js';
import { goldenCheckpoint, goldenFolder, languageVariants, relativeDifference } from './testing/goldenModels.js';
import { cutVocabulary, extendVocabulary } from './vocabulary.js';

/** Written by transformers (tests/golden/vocabulary.py). */
const golden = JSON.parse(readFileSync(join(goldenFolder, '../vocabulary/expected.json'), 'utf8')) as {
  readonly token: string;
  readonly models: Readonly<
    Record<
      string,
      { readonly text: string; readonly ids: readonly number[]; readonly logits: readonly (readonly number[])[] }
    >
  >;
};
const { token } = golden;

/** The same sums, perhaps in another order: the product with the head is one row wider. */
const sameSums = 1e-6;

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

const open = (variant: string): Promise<LanguageModel> => openLanguageModel(device, goldenCheckpoint(variant));

async function withModels<T>(
  variant: string,
  use: (model: LanguageModel, extended: LanguageModel) => Promise<T>,
): Promise<T> {
  const model = await open(variant);
  const extended = await extendVocabulary(model, [token]);
  try {
    return await use(model, extended);
  } finally {
    await extended.close();
    await model.close();
  }
}

describe.each(languageVariants)('%s with a further token', (variant) => {
  const expected = golden.models[variant.split('/').at(-1) ?? ''];

  it('has the logits that transformers gives the resized model, the token’s own among them', async () => {
    if (expected === undefined) throw new Error(`vocabulary/expected.json lacks ${variant}`);
    await withModels(variant, async (model, extended) => {
      const ids = extended.tokenizer.encode(expected.text, { addSpecialTokens: false });
      expect(ids).toEqual(expected.ids);
      expect(ids).toContain(model.vocabularySize);
      const [logits = []] = await allLogits(extended, [ids]);
      for (const [t, row] of logits.entries())
        expect(relativeDifference(row, expected.logits[t] ?? []), `position ${String(t)}`).toBeLessThan(1e-5);
    });
  });

  it('gives the old tokens of other texts their old logits', async () => {
    await withModels(variant, async (model, extended) => {
      const rows = [
        [5, 9, 30, 2],
        [61, 7],
      ];
      const [before, after] = [await allLogits(model, rows), await allLogits(extended, rows)];
      for (const [b, row] of before.entries()) {
        for (const [t, logits] of row.entries())
          expect(relativeDifference(after[b]?.[t]?.subarray(0, logits.length) ?? [], logits)).toBeLessThan(sameSums);
      }
    });
  });

  it('is the old model to the bit when the token is cut off', async () => {
    await withModels(variant, async (model, extended) => {
      const cut = await cutVocabulary(extended, model);
      expect(await hashLanguageModel(cut)).toBe(await hashLanguageModel(model));
      expect(cut.tokenizer).toBe(model.tokenizer);
      expect(cut.architecture).toBe(model.architecture);
      await cut.close();
    });
  });
});

describe('a model with a further token', () => {
  const variant = 'llama-untied';

  it('is read back from its folder as it was saved', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-vocabulary-'));
    try {
      await withModels(variant, async (model, extended) => {
        await saveLanguageModel(extended, join(folder, 'model'));
        const read = await openLanguageModel(device, join(folder, 'model'));
        expect(await hashLanguageModel(read)).toBe(await hashLanguageModel(extended));
        expect([read.tokenizer.id, read.vocabularySize]).toEqual([extended.tokenizer.id, 65]);
        expect(read.tokenizer.encode(`1${token}`, { addSpecialTokens: false })).toEqual([16, 64]);
        expect(read.tokenizer.reads(model.tokenizer.id)).toBe(true);
        await read.close();
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has what was learnt of old tokens, and nothing of the new one, after the cut', async () => {
    await withModels(variant, async (model, extended) => {
      const name = 'model.embed_tokens.weight';
      const trained = (await device.read(extended.weights, name)).map((value, i) => value + i);
      await device.write(extended.weights, name, trained);
      const cut = await cutVocabulary(extended, model, { name: 'mended', trainable: true });
      expect(await device.read(cut.weights, name)).toEqual(trained.slice(0, 64 * 32));
      expect([cut.name, cut.trainable, cut.vocabularySize]).toEqual(['mended', true, 64]);
      await cut.close();
    });
  });

  it('takes rows that no token has before it asks for more, and gives them back as they were', async () => {
    const whole = goldenCheckpoint(variant);
    const json = whole.tokenizerFiles?.tokenizerJson as {
      readonly model: { readonly vocab: Readonly<Record<string, number>> };
    };
    const vocab = Object.fromEntries(Object.entries(json.model.vocab).filter(([, id]) => id < 61));
    const fewer = { tokenizerJson: { ...json, model: { ...json.model, vocab } }, tokenizerConfig: {} };
    const padded = await openLanguageModel(device, { ...whole, tokenizerFiles: fewer });
    const extended = await extendVocabulary(padded, [token]);
    expect([extended.vocabularySize, extended.tokenizer.vocabularySize]).toEqual([64, 62]);
    const [before, after] = await Promise.all(
      [padded, extended].map((model) => device.read(model.weights, 'lm_head.weight')),
    );
    const column = (c: number): number =>
      Array.from({ length: 61 }, (_, id) => before?.[id * 32 + c] ?? NaN).reduce((a, b) => a + b, 0) / 61;
    expect(after?.[61 * 32]).toBeCloseTo(column(0), 6);
    expect(after?.[61 * 32 + 31]).toBeCloseTo(column(31), 6);
    expect(after?.subarray(62 * 32)).toEqual(before?.subarray(62 * 32));
    const cut = await cutVocabulary(extended, padded);
    expect(await hashLanguageModel(cut)).toBe(await hashLanguageModel(padded));
    for (const model of [cut, extended, padded]) await model.close();
  });

  it('is refused for a token that exists, for an adapter, and as the extension of another model', async () => {
    await withModels(variant, async (model, extended) => {
      await expect(extendVocabulary(extended, [token])).rejects.toThrow(ConfigError);
      await expect(cutVocabulary(model, extended)).rejects.toThrow(ConfigError);
      const other = await open('llama-tied');
      await expect(cutVocabulary(extended, other)).rejects.toThrow(ConfigError);
      const adapted = await adaptLanguageModel(
        model,
        { rank: 2, alpha: 4, rsLora: false, targetModules: ['q_proj'] },
        { seed: 0 },
      );
      await expect(extendVocabulary(adapted, [token])).rejects.toThrow(/as: text/);
      await adapted.close();
      await other.close();
    });
  });
});
