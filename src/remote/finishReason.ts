/** Why a reply ended, in the words of many servers. What is not known is taken for an ordinary end, and said once: a
 *  text that came is a text, whatever the server calls its end. */

export type FinishKind = 'stop' | 'length' | 'filter' | 'tool' | 'error' | 'unknown';

const kinds: Readonly<Record<Exclude<FinishKind, 'unknown'>, readonly string[]>> = {
  stop: ['stop', 'stop_sequence', 'eos', 'eos_token', 'end_turn', 'end', 'complete', 'completed', 'done', 'finished'],
  length: ['length', 'max_tokens', 'max_output_tokens', 'max_length', 'model_length', 'model_context_window_exceeded'],
  filter: [
    'content_filter',
    'content_filtered',
    'safety',
    'recitation',
    'blocklist',
    'prohibited_content',
    'spii',
    'refusal',
    'moderation',
    'guardrail_intervened',
  ],
  tool: ['tool_calls', 'tool_call', 'tool_use', 'function_call'],
  error: ['error', 'server_error'],
};

const kindOf: ReadonlyMap<string, FinishKind> = new Map(
  Object.entries(kinds).flatMap(([kind, words]) => words.map((word) => [word, kind as FinishKind] as const)), // A key of the table.
);

/** Spelling counts for nothing: MAX_TOKENS, max-tokens and max_tokens are one reason. */
export function finishKind(said: unknown): FinishKind {
  if (typeof said !== 'string') return 'unknown';
  const word = said
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_')
    .replace(/^finish_reason_/, '');
  return kindOf.get(word) ?? 'unknown';
}
