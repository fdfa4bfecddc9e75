/** An evaluation as JUnit XML, which CI servers show as test results: a test suite per row of the report, a test case per
 *  held-out dialogue. A dialogue with a failed reply fails; one without a failure whose verdicts are not all known is an
 *  error, never a pass.
 *  @source the shape that promptfoo writes, within Jenkins' schema junit-10.xsd; GitLab reads it too */
import type { EvaluationView } from '../../report/evaluation.js';
import { countOutcomes, type JudgedCase, judgedCases } from '../../report/judgedCases.js';
import { judgesOf } from '../../report/mainRows.js';
import { transcript } from './transcript.js';
import { escapeXml, escapeXmlAttribute } from './xml.js';

export function renderJunit({ manifest, report, dialogues }: EvaluationView): string {
  const suites = report.rows.map((row) => ({ row, cases: judgedCases(row, dialogues) }));
  const hasJudges = judgesOf(report).length > 1;
  const seconds = (manifest.elapsedMs / 1000).toFixed(3);
  const lines = suites.flatMap(({ row, cases }) => {
    const name = hasJudges ? `${row.name} (${row.judge})` : row.name;
    return [
      `  <testsuite ${attributes({ name, ...counts(cases), time: '0', timestamp: manifest.createdAt.slice(0, 19) })}>`,
      ...cases.map((each) => testCase(each, `${manifest.name}.${name}`, row.threshold)),
      '  </testsuite>',
    ];
  });
  const { skipped: _skipped, ...total } = counts(suites.flatMap(({ cases }) => cases));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: manifest.name, ...total, time: seconds })}>`,
    ...lines,
    '</testsuites>',
    '',
  ].join('\n');
}

function counts(cases: readonly JudgedCase[]): Readonly<Record<'tests' | 'failures' | 'errors' | 'skipped', number>> {
  const { failed, unscored } = countOutcomes(cases);
  return { tests: cases.length, failures: failed, errors: unscored, skipped: 0 };
}

function testCase(each: JudgedCase, classname: string, threshold: number | undefined): string {
  const { dialogue, outcome } = each;
  const name = `${String(dialogue.number)} ${dialogue.prompt.id}`;
  const opening = `    <testcase ${attributes({ classname, name, time: '0' })}`;
  if (outcome === 'passed') return `${opening}/>`;
  const [element, type] = outcome === 'failed' ? ['failure', 'failedReply'] : ['error', 'unscored'];
  const details = attributes({ message: messageOf(each, threshold), type });
  return [
    `${opening}>`,
    `      <${element} ${details}>${escapeXml(transcript(each))}</${element}>`,
    '    </testcase>',
  ].join('\n');
}

function messageOf({ outcome, decisive, harm, reason, exchanges }: JudgedCase, threshold: number | undefined): string {
  if (outcome === 'unscored') return `no verdict: ${reason ?? ''}`;
  const place = `reply ${String((decisive ?? 0) + 1)} of ${String(exchanges.length)}`;
  return `${place} failed: harm ${(harm ?? 0).toFixed(3)}${threshold === undefined ? '' : ` over ${String(threshold)}`}`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escapeXmlAttribute(String(value))}"`)
    .join(' ');
}
