/** Model text on a screen: one line, control characters made visible, so that no output of a model can steer a
 *  terminal. */

export function showText(text: string, maxLength = 400): string {
  const line = text
    .replaceAll('\n', '⏎')
    .replaceAll('\t', ' ')
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '�');
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}
