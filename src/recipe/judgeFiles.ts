/** The files and folders of this machine that a recipe's judge is made of, as the recipe writes them. */
import type { JudgeOptions } from '../speakers/judges/options.js';

type Judge = Pick<JudgeOptions, 'model' | 'template' | 'members'>;

/** Lists word lists, model folders and GGUF files, prompt templates, those of members included; what is fetched is named
 *  by its name alone. A bare name is a file where nothing else can stand: a word list, or a template with a dot. */
export function judgeFiles({ model, template, members = [] }: Judge): readonly string[] {
  const [, inner = null] = /^(?:mean|max|vote)\((.*)\)$/.exec(model) ?? [];
  const parts = inner === null ? [model] : inner.split(/[(),]/).map((part) => part.trim());
  const named = parts.flatMap((part) => {
    if (part.startsWith('lexicon:')) return [part.slice('lexicon:'.length)];
    const [name = '', asked = ''] = part.replace(/^languageModel:/, '').split('#');
    return [...paths(name), ...(part.startsWith('languageModel:') ? templateFiles(asked) : paths(asked))];
  });
  return [...new Set([...named, ...templateFiles(template ?? ''), ...members.flatMap(judgeFiles)])];
}

function paths(name: string): readonly string[] {
  return /^(?:\.{1,2})?[/\\]/.test(name) ? [name] : [];
}

/** Names of templates that ship have neither a slash nor a dot. */
function templateFiles(name: string): readonly string[] {
  return /[/\\.]/.test(name) ? [name] : [];
}
