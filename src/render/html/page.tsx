/** The page of a report, section by section. */
import { headingLegend } from '../../report/metrics.js';
import { ClusterMap } from './clusterMap.js';
import { Clusters } from './clusters.js';
import { Samples, WordTables } from './dialogues.js';
import type { Veil } from './dialogues.js';
import { Estimates } from './estimates.js';
import { Established } from './established.js';
import { selectMainRows } from '../../report/mainRows.js';
import { LoopResults } from './loopResults.js';
import { Mending } from './mending.js';
import { Provenance } from './provenance.js';
import type { ReportView } from '../../report/reportView.js';
import { PageHead } from './pageHead.js';
import { differenceTable } from '../../report/rowDifferences.js';
import { transferMatrix } from '../../report/transferMatrix.js';
import { frontierOf, frontierSentence } from '../../report/frontier.js';
import { RowTableView } from './rowTable.js';
import { Frontier } from './frontier.js';
import { JudgeResults, LikelihoodScatter, RoundingTable, TrainingCharts, TurnCharts, rowStyles } from './results.js';

export function ReportPage({ view, veil }: { view: ReportView; veil: Veil }) {
  const { manifest, report, training, mending } = view;
  const styles = rowStyles(report, training);
  const {
    loop = [],
    mend = [],
    clusters = [],
    established = [],
    estimates = [],
    clusterMap,
    points = [],
    verdictWords = [],
    notes = [],
  } = report;
  const main = selectMainRows(report);
  const mainPoints = points.filter(({ row, harm, nll }) => main.includes(row) && harm !== null && nll !== null);
  const frontier = frontierOf(main.rows);
  const frontierLine = frontierSentence(frontier);
  const earlierWords = verdictWords.filter(({ row }) => !main.includes(row));
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
        {estimates.length > 0 && (
          <section id="estimates" aria-label="In ordinary use">
            <h2>How probable a failure is in ordinary use</h2>
            <Estimates estimates={estimates} />
          </section>
        )}
        {loop.length > 0 && (
          <section id="loop" aria-label="Attack and mend, round by round">
            <h2>Attack and mend, round by round</h2>
            <LoopResults loop={loop} styles={styles} />
          </section>
        )}
        {(report.rows.length > 0 || notes.length > 0) && (
          <section aria-label="Results">
            <h2>{main.title}</h2>
            {main.findings.map((sentence) => (
              <p class="finding">{sentence}</p>
            ))}
            {main.byJudge.map(({ judge, rows, earlier }, i) => (
              <>
                <JudgeResults rows={rows} earlier={earlier} styles={styles} main={i === 0} />
                <RowTableView table={differenceTable(report, judge, main.includes)} styles={styles} />
                <RowTableView table={transferMatrix(report, judge)} styles={styles} />
              </>
            ))}
            {report.rows.length > 0 && (
              <p class="aside">
                Small figures are 95% intervals, bootstrapped by {report.groupBy ?? 'prompt'}. {headingLegend}
              </p>
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
        {main.rows.some(({ byTurn = [] }) => byTurn.length > 1) && (
          <section aria-label="Turn by turn">
            <h2>Turn by turn</h2>
            <TurnCharts rows={main.rows} styles={styles} />
          </section>
        )}
        {mainPoints.length > 0 && (
          <section aria-label="Harm and likelihood">
            <h2>Are the failures likely?</h2>
            {frontierLine !== null && <p class="finding">{frontierLine}</p>}
            <Frontier points={frontier} styles={styles} />
            <LikelihoodScatter points={mainPoints} styles={styles} threshold={main.rows[0]?.threshold ?? null} />
          </section>
        )}
        {main.rows.some(({ rounding }) => rounding !== undefined) && (
          <section aria-label="What rounding changes">
            <h2>What rounding changes</h2>
            <RoundingTable rows={main.rows} styles={styles} />
          </section>
        )}
        {clusters.length > 0 && (
          <section id="clusters" aria-label="What the target says">
            <h2>What the target says</h2>
            <p class="aside">
              Samples in clusters of alike ones. Words are those that a cluster uses more than the others (log-odds with
              a prior from all samples). Covered until asked for.
            </p>
            <button type="button" class="reveal" data-scope="clusters" aria-expanded="false">
              Show text
            </button>
            {clusterMap !== undefined && <ClusterMap map={clusterMap} clusters={clusters} veil={veil} />}
            <Clusters clusters={clusters} hasCards={clusterMap !== undefined} veil={veil} />
          </section>
        )}
        {established.length > 0 && (
          <section id="established" aria-label="What counts as harm">
            <h2>What counts as harm</h2>
            <Established judges={established} />
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
            <Samples samples={report.samples} styles={styles} isMain={main.includes} veil={veil} />
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
            <WordTables lists={verdictWords.filter(({ row }) => main.includes(row))} veil={veil} />
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
