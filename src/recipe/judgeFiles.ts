/** The files and folders of this machine that a recipe's judge is made of, as the recipe writes them. */
import type { JudgeOptions } from '../speakers/judges/options.js';

type Judge = Pick<JudgeOptions, 'model' | 'template' | 'members'>;

/** Word lists, model folders and GGUF files, prompt templates, those of members included; what is fetched is named by
 *  its name alone. */
export function judgeFiles({ model, template, members = [] }: Judge): readonly string[] {
  const [, inner = null] = /^(?:mean|max|vote)\((.*)\)$/.exec(model) ?? [];
  const parts = inner === null ? [model] : inner.split(/[(),]/).map((part) => part.trim());
  const named = parts.flatMap((part) => part.replace(/^(?:lexicon|languageModel):/, '').split('#'));
  return [...new Set([...named, template ?? '', ...members.flatMap(judgeFiles)])].filter((name) =>
    /^(?:\.{1,2})?[/\\]/.test(name),
  );
}
