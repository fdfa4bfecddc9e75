/** Parts of a Markdown table. */

/** Joins cells, whose text is escaped already, to a row. */
export function markdownRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Takes their meaning from characters that mean something in Markdown or HTML. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>|]/g, (character) => `\\${character}`).replaceAll('\n', ' ');
}
