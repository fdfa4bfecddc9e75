/** Opens the topic of an explore stage: which texts are about it. */
import { present } from '../../base/invariant.js';
import { watchUnscored } from '../../dialogue/unscored.js';
import type { ExploreStage } from '../../discovery/options.js';
import { createExampleTopic, createWordTopic } from '../../discovery/topic.js';
import type { StageContext } from '../stageContext.js';
import { embedTexts, openSampleEmbedder } from './embed.js';

export interface OpenTopic {
  /** Says of each text, in order, whether it is about the topic. @throws JudgeError when too many texts are unscored */
  readonly covers: (texts: readonly string[]) => Promise<readonly boolean[]>;
  readonly close: () => Promise<void>;
}

const stayOpen = (): Promise<void> => Promise.resolve();

export async function openTopic(context: StageContext, stage: ExploreStage): Promise<OpenTopic> {
  const { topic } = stage.options;
  if (topic === null) return { covers: (texts) => Promise.resolve(texts.map(() => true)), close: stayOpen };
  if (topic.words !== undefined) {
    const hasWord = createWordTopic(topic.words);
    return { covers: (texts) => Promise.resolve(texts.map(hasWord)), close: stayOpen };
  }
  if (topic.judge !== undefined) {
    const { maxUnscored } = topic.judge;
    const judge = watchUnscored(await context.pool.judge(topic.judge), maxUnscored, `${stage.name}, topic`);
    return {
      covers: async (texts) =>
        (await judge.judge(texts.map((text) => ({ text })))).map(
          (verdict) => verdict.kind === 'scored' && verdict.failed,
        ),
      close: stayOpen,
    };
  }
  return openExamples(context, stage, present(topic.examples, 'examples'), present(topic.atLeast, 'a least cosine'));
}

async function openExamples(
  context: StageContext,
  { options }: ExploreStage,
  file: string,
  atLeast: number,
): Promise<OpenTopic> {
  const embedder = await openSampleEmbedder(context, options.embed);
  const cosine = createExampleTopic(await embedTexts(embedder, await context.pool.promptList(file)));
  return {
    covers: async (texts) => (await embedTexts(embedder, texts)).map((embedding) => cosine(embedding) >= atLeast),
    close: embedder.close,
  };
}
