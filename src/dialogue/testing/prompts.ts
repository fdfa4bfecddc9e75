/** Prompts for tests. */
import type { Prompt } from '../types.js';

export function promptOf(text: string, id = text): Prompt {
  return { id, text, conversationId: id };
}

export function promptsOf(count: number): readonly Prompt[] {
  return Array.from({ length: count }, (_, i) => promptOf(`opener ${i}`));
}
