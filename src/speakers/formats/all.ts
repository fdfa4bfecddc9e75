/** The formats by name. */
import { unreachable } from '../../base/invariant.js';
import { chatFormat } from './chat.js';
import type { FormatKind, FormatOptions, SpeakerFormat } from './format.js';
import { linesFormat } from './lines.js';
import { plainFormat } from './plain.js';

export function openFormat(kind: FormatKind, options: FormatOptions): SpeakerFormat {
  switch (kind) {
    case 'plain':
      return plainFormat(options);
    case 'lines':
      return linesFormat(options);
    case 'chat':
      return chatFormat(options);
    default:
      return unreachable(kind);
  }
}
