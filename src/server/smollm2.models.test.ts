/** The endpoint on a real chat model: its template, its end token, many clients. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import { resolveSmollm2Wheel } from '../engine/models/checkpoints/resolveModel.js';
import { generate } from '../engine/models/generate.js';
import { openLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import { openDevice, plainSampling, type Device } from '../engine/runtime/device.js';
import { serveModel, type RunningServer } from './serveModel.js';

describe('SmolLM2 behind the endpoint', () => {
  let device: Device;
  let model: LanguageModel;
  let server: RunningServer;
  let client: OpenAI;
  beforeAll(async () => {
    device = await openDevice({ threads: 2 });
    model = await openLanguageModel(device, await resolveSmollm2Wheel({ cacheDir: null, offline: false }));
    server = await serveModel(model, { name: 'smollm2' });
    client = new OpenAI({ baseURL: server.url, apiKey: server.token ?? '', maxRetries: 0 });
  });
  afterAll(async () => {
    await server.close();
    await device.close();
  });

  const question = (
    content: string,
  ): { model: string; messages: { role: 'user'; content: string }[]; temperature: number; max_tokens: number } => ({
    model: 'smollm2',
    messages: [{ role: 'user', content }],
    temperature: 0,
    max_tokens: 24,
  });

  it('answers in the model’s template, to its end token, which is neither text nor a reported token', async () => {
    const answer = await client.chat.completions.create({
      ...question('What is the capital of France? One word.'),
      logprobs: true,
    });
    const [choice] = answer.choices;
    expect(choice?.message.content).toMatch(/Paris/);
    expect(choice?.finish_reason).toBe('stop');
    const content = choice?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join('')).toBe(choice?.message.content);
    expect(answer.usage?.completion_tokens).toBe(content.length + 1);
  });

  it('eight clients at once get what the library generates for each', async () => {
    const topics = ['rivers', 'bread', 'trains', 'winter', 'music', 'the moon', 'gardens', 'clocks'];
    const answers = await Promise.all(
      topics.map((topic) => client.chat.completions.create(question(`Say something about ${topic}.`))),
    );
    const requests = topics.map((topic) => ({
      ids: model.tokenizer.encode(
        model.chatTemplate?.render([{ role: 'user', content: `Say something about ${topic}.` }], {
          addGenerationPrompt: true,
        }) ?? '',
        { addSpecialTokens: false },
      ),
      stream: streamKey(0, 'generate', 0, 0),
    }));
    const expected = await generate(model, requests, {
      ...plainSampling,
      temperature: 0,
      maxNewTokens: 24,
      stopIds: model.tokenizer.endIds,
    });
    expect(answers.map(({ choices }) => choices[0]?.message.content)).toEqual(expected.map(({ text }) => text));
  });
});
