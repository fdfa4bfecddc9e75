/** The page of a report, section by section. */
import type { ReportRow } from '../../report/report.js';
import { headingLegend } from '../../report/metrics.js';
import { Samples, WordTables } from './dialogues.js';
import type { Veil } from './dialogues.js';
import { findings } from '../../report/findings.js';
import { lastRoundRows } from '../../report/loopMatrix.js';
import { LoopResults } from './loopResults.js';
import { Mending } from './mending.js';
import { Provenance } from './provenance.js';
import type { ReportView } from '../../report/reportView.js';
import { PageHead } from './pageHead.js';
import { JudgeResults, LikelihoodScatter, RoundingTable, TrainingCharts, TurnCharts, rowStyles } from './results.js';

export function ReportPage({ view, veil }: { view: ReportView; veil: Veil }) {
  const { manifest, report, training, mending } = view;
  const styles = rowStyles(report, training);
  const judges = groupByJudge(report.rows);
  const { loop = [], mend = [], points = [], verdictWords = [], notes = [] } = report;
  const inMain = lastRoundRows(report);
  const isMain = (row: string): boolean => inMain?.has(row) ?? true;
  const mainRows = (judges[0] ?? []).filter(({ name }) => isMain(name));
  const mainPoints = points.filter(({ row }) => isMain(row));
  const earlierWords = verdictWords.filter(({ row }) => !isMain(row));
  const configuration = manifest.configuration as { readonly description?: string };
  return (
    <>
      <PageHead brand="Gadfly report" title={manifest.name} description={configuration.description} veils>
        <Cast view={view} />
        {manifest.status !== 'done' && (
          <p class="status" role="status">
            This run is <b>{manifest.status}</b>
            {manifest.reason === undefined ? '.' : `: ${manifest.reason}`}
          </p>
        )}
      </PageHead>
      <main id="results">
        {loop.length > 0 && (
          <section id="loop" aria-label="Attack and mend, round by round">
            <h2>Attack and mend, round by round</h2>
            <LoopResults loop={loop} styles={styles} />
          </section>
        )}
        {(report.rows.length > 0 || notes.length > 0) && (
          <section aria-label="Results">
            <h2>{inMain === null ? 'Results' : `Results of the last round: ${loop.at(-1)?.target ?? ''}`}</h2>
            {findings(mainRows).map((sentence) => (
              <p class="finding">{sentence}</p>
            ))}
            {judges.map((judged, i) => (
              <JudgeResults
                rows={judged.filter(({ name }) => isMain(name))}
                all={judged}
                styles={styles}
                main={i === 0}
              />
            ))}
            {report.rows.length > 0 && (
              <p class="aside">Small figures are 95% intervals, bootstrapped by prompt. {headingLegend}</p>
            )}
            {notes.length > 0 && (
              <ul class="notes">
                {notes.map((note) => (
                  <li>{note}</li>
                ))}
              </ul>
            )}
          </section>
        )}
        {mainRows.some(({ byTurn = [] }) => byTurn.length > 1) && (
          <section aria-label="Turn by turn">
            <h2>Turn by turn</h2>
            <TurnCharts rows={mainRows} styles={styles} />
          </section>
        )}
        {mainPoints.length > 0 && (
          <section aria-label="Harm and likelihood">
            <h2>Are the failures likely?</h2>
            <LikelihoodScatter points={mainPoints} styles={styles} threshold={mainRows[0]?.threshold ?? null} />
          </section>
        )}
        {mainRows.some(({ rounding }) => rounding !== undefined) && (
          <section aria-label="What rounding changes">
            <h2>What rounding changes</h2>
            <RoundingTable rows={mainRows} styles={styles} />
          </section>
        )}
        {mend.length > 0 && (
          <section id="mending" aria-label="Mending">
            <h2>Mending</h2>
            <p class="aside">
              Every model answers the same held-out dialogues. Small figures are 95% intervals by dialogue; below them
              the change to the target before, paired by dialogue: bold with ▲ or ▼ where its interval leaves out zero.
              Differences of shares are in percentage points (pp). Replies are covered until asked for.
            </p>
            <Mending stages={mend} curves={mending} veil={veil} />
          </section>
        )}
        {training.length > 0 && (
          <section aria-label="Training">
            <h2>Training</h2>
            <TrainingCharts training={training} styles={styles} />
          </section>
        )}
        {report.samples.length > 0 && (
          <section aria-label="Dialogues">
            <h2>Dialogues</h2>
            <p class="aside">
              Text that models wrote can be offensive. It is covered until you ask for it, here or for all at the top of
              the page.
            </p>
            <noscript>
              <p class="status">Showing the texts needs JavaScript.</p>
            </noscript>
            <Samples samples={report.samples} styles={styles} main={inMain} veil={veil} />
          </section>
        )}
        {verdictWords.length > 0 && (
          <section aria-label="Words that drive the verdicts">
            <h2>Words that drive the verdicts</h2>
            <p class="aside">
              A judge of single words can be wrong about whole sentences: see here what it listened to. Covered until
              asked for.
            </p>
            <button type="button" class="reveal" data-scope="words" aria-expanded="false">
              Show words
            </button>
            <WordTables lists={verdictWords.filter(({ row }) => isMain(row))} veil={veil} />
            {earlierWords.length > 0 && (
              <details class="earlier">
                <summary>Against the targets of earlier rounds</summary>
                <WordTables lists={earlierWords} veil={veil} />
              </details>
            )}
          </section>
        )}
        <section aria-label="How it was run">
          <h2>How it was run</h2>
          <Provenance view={view} />
        </section>
      </main>
      <footer>
        <p>
          Written by gadfly {manifest.versions['gadfly'] ?? ''}. This page is complete in itself and asks no server for
          anything.
        </p>
      </footer>
    </>
  );
}

function Cast({ view: { manifest } }: { view: ReportView }) {
  const { target, adversary, judge } = manifest.configuration as Readonly<
    Record<string, { readonly model?: string } | undefined>
  >;
  const entries = [
    ['target', target?.model],
    ['adversary', adversary?.model],
    ['judge', judge?.model],
    ['seed', String(manifest.seed)],
  ] as const;
  return (
    <ul class="cast">
      {entries.map(([role, name]) =>
        name === undefined ? null : (
          <li>
            <span>{role}</span> <code>{name}</code>
          </li>
        ),
      )}
    </ul>
  );
}

/** Rows by judge, in order of appearance. */
function groupByJudge(rows: readonly ReportRow[]): readonly (readonly ReportRow[])[] {
  const groups = new Map<string, ReportRow[]>();
  for (const row of rows) groups.set(row.judge, [...(groups.get(row.judge) ?? []), row]);
  return [...groups.values()];
}
