/** Whether the model that answers is the one that was asked. Servers add a date, a revision or a folder to the name;
 *  another model altogether is refused. */
import { TargetError } from '../base/errors.js';

/** @param said the name in the answer; null where the server says none
 *  @throws TargetError for another model */
export function requireModelName(said: string | null, names: readonly string[], where: string): void {
  if (said === null || said === '') return;
  const plain = (name: string): string =>
    (name.toLowerCase().replace(/\/+$/, '').split('/').at(-1) ?? '').replace(/(@.*|\.gguf)$/, '');
  const same = names.some(
    (name) =>
      said === name ||
      plain(said) === plain(name) ||
      extendsName(plain(said), plain(name)) ||
      said.startsWith(`${name}@`),
  );
  if (same) return;
  throw new TargetError('another model answers', {
    where,
    expected: names.join(' or '),
    got: said,
    remedy: `Name the model that the server has; or, where that is what it calls it, set remote.servedAs: ${JSON.stringify(said)}.`,
  });
}

/** 'gpt-4o-mini-2024-07-18' is a dated 'gpt-4o-mini', but 'gpt-4o-mini' is no 'gpt-4o'; 'llama3.2:latest' is
 *  'llama3.2'. */
function extendsName(said: string, name: string): boolean {
  return said.startsWith(name) && /^(-\d[\d-]*|:latest)$/.test(said.slice(name.length));
}
