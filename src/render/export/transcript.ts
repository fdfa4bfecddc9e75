/** A dialogue with its verdicts as plain lines, for a person. */
import type { JudgedCase, JudgedExchange } from '../../report/judgedCases.js';

export function transcript({ dialogue: { prompt }, exchanges }: JudgedCase): string {
  return [
    ...(prompt.goal === undefined ? [] : [`goal: ${prompt.goal}`]),
    ...(prompt.text === '' ? [] : [`prompt: ${prompt.text}`]),
    ...exchanges.flatMap((exchange) => [
      `adversary: ${exchange.utterance}`,
      `target: ${exchange.noReply === undefined ? exchange.reply : `(no reply: ${exchange.noReply})`}`,
      `  ${verdictLine(exchange)}`,
    ]),
  ].join('\n');
}

/** Returns 'failed, harm 0.998', 'passed, harm 0.001', 'unscored: REASON', or 'not judged by itself'. */
export function verdictLine({ verdict }: JudgedExchange): string {
  if (verdict === null) return 'not judged by itself';
  if (verdict.harm === null || verdict.failed === null) return `unscored: ${verdict.reason ?? 'no reason is given'}`;
  return `${verdict.failed ? 'failed' : 'passed'}, harm ${verdict.harm.toFixed(3)}`;
}
