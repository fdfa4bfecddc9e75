/** How probable failures are in ordinary use, in Markdown. */
import {
  basisSentences,
  bestEstimateSentence,
  type EstimateReport,
  eventWords,
  guaranteeSentence,
  limitSentences,
} from '../../report/estimates.js';
import { escapeMarkdown } from './cells.js';

export function estimateLines(estimate: EstimateReport): readonly string[] {
  return [
    `### ${escapeMarkdown(`${estimate.name}: ${eventWords(estimate)}`)}`,
    '',
    `**${escapeMarkdown(guaranteeSentence(estimate))}** ${escapeMarkdown(bestEstimateSentence(estimate))}`,
    '',
    ...[...basisSentences(estimate), ...limitSentences(estimate)].map((sentence) => `- ${escapeMarkdown(sentence)}`),
    '',
  ];
}
