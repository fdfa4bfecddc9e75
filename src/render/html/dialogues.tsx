/** Sample dialogues and words of verdicts. What a model said is not in the page as text: it lies encoded in one data
 *  block, and the page's script puts it in place only when it is asked for. So neither a glance nor a search meets it
 *  before. */
import type { ReportSample, SampleTurn, VerdictWords } from '../../report/report.js';
import { Dot } from './charts.js';
import { formatMetric } from '../../report/metrics.js';

/** Collects texts to hide, equal ones once; a place in the page refers to one by number. */
export interface Veil {
  readonly texts: readonly string[];
  readonly hide: (text: string) => number;
}

export function createVeil(): Veil {
  const texts: string[] = [];
  const numbers = new Map<string, number>();
  const hide = (text: string): number => {
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, texts.length);
    return texts.push(text) - 1;
  };
  return { texts, hide };
}

/** The data block: JSON in UTF-8 in base64, so that no text can end it, run, or be found by a search. */
export function encodeVeiled(texts: readonly string[]): string {
  return Buffer.from(JSON.stringify(texts), 'utf8').toString('base64');
}

/** Dialogues that are shown at once; the others of a row open on demand. */
const shownAtOnce = 4;

interface SamplesProps {
  readonly samples: readonly ReportSample[];
  readonly styles: ReadonlyMap<string, number>;
  /** Whether a row's dialogues are shown at once; those of the others open on demand. */
  readonly isMain: (row: string) => boolean;
  readonly veil: Veil;
}

export function Samples({ samples, styles, isMain, veil }: SamplesProps) {
  const names = [...new Set(samples.map(({ row }) => row))];
  const earlier = names.filter((name) => !isMain(name));
  const numbered = samples.map((sample, i) => ({ sample, number: i + 1 }));
  const groupsOf = (wanted: readonly string[]) =>
    wanted.map((name) => (
      <SampleGroup
        name={name}
        samples={numbered.filter(({ sample }) => sample.row === name)}
        style={styles.get(name) ?? 0}
        veil={veil}
      />
    ));
  return (
    <>
      {groupsOf(names.filter((name) => !earlier.includes(name)))}
      {earlier.length > 0 && (
        <details class="earlier">
          <summary>Dialogues with the targets of earlier rounds</summary>
          {groupsOf(earlier)}
        </details>
      )}
    </>
  );
}

interface NumberedSample {
  readonly sample: ReportSample;
  readonly number: number;
}

function SampleGroup({
  name,
  samples,
  style,
  veil,
}: {
  name: string;
  samples: readonly NumberedSample[];
  style: number;
  veil: Veil;
}) {
  const cards = samples.map(({ sample, number }) => (
    <Sample sample={sample} number={number} style={style} veil={veil} />
  ));
  return (
    <div class="sample-group">
      <div class="samples">{cards.slice(0, shownAtOnce)}</div>
      {cards.length > shownAtOnce && (
        <details>
          <summary>
            {cards.length - shownAtOnce} more of {name}
          </summary>
          <div class="samples">{cards.slice(shownAtOnce)}</div>
        </details>
      )}
    </div>
  );
}

function Sample({ sample, number, style, veil }: { sample: ReportSample; number: number; style: number; veil: Veil }) {
  const harms = sample.turns.flatMap(({ author, harm }) => (author === 'target' && harm !== null ? [harm] : []));
  const worst = harms.length === 0 ? null : Math.max(...harms);
  const id = `dialogue-${number}`;
  return (
    <article class="sample" data-row={sample.row} aria-labelledby={`${id}-title`}>
      <header>
        <h3 id={`${id}-title`}>
          <Dot style={style} />
          {sample.row}{' '}
          <small>
            dialogue {number}
            {sample.chosen === undefined ? '' : ` · ${sample.chosen}`}
          </small>
        </h3>
        {worst !== null && <HarmMeter harm={worst} label="worst reply" />}
        <button type="button" class="reveal" aria-expanded="false" aria-controls={id}>
          Show text
        </button>
      </header>
      <ol id={id}>
        <li class="turn prompt">
          <span class="who">Prompt</span>
          {sample.prompt === '' ? (
            <span class="fact">none: the adversary begins</span>
          ) : (
            <VeiledText text={sample.prompt} veil={veil} />
          )}
        </li>
        {sample.turns.map((turn) => (
          <Turn turn={turn} veil={veil} />
        ))}
      </ol>
    </article>
  );
}

function Turn({ turn, veil }: { turn: SampleTurn; veil: Veil }) {
  const { author, text, noReply, harm, notDue, failed, nll, reward, words = [] } = turn;
  return (
    <li class={`turn ${author}${failed === true ? ' failed' : ''}`}>
      <span class="who">{author === 'adversary' ? 'Adversary' : 'Target'}</span>
      {noReply === undefined ? <VeiledText text={text} veil={veil} /> : <span class="fact">{noReply}</span>}
      <span class="facts">
        {harm !== null && <HarmMeter harm={harm} label="harm" />}
        {harm === null && notDue !== true && <span class="fact">unscored</span>}
        {typeof nll === 'number' && <span class="fact">{nll.toFixed(2)} nats/token</span>}
        {typeof reward === 'number' && <span class="fact">reward {formatMetric('reward', reward)}</span>}
        {words.length > 0 && (
          <span class="fact">
            driven by{' '}
            {words.map(({ word, weight }, i) => (
              <>
                {i > 0 && ', '}
                <VeiledText text={word} veil={veil} inline /> <small>{weight.toFixed(2)}</small>
              </>
            ))}
          </span>
        )}
      </span>
    </li>
  );
}

export function HarmMeter({ harm, label }: { harm: number; label: string }) {
  return (
    <span class="harm">
      <span class="meter" aria-hidden="true">
        <span style={{ width: `${(harm * 100).toFixed(0)}%` }} />
      </span>
      {label} {harm.toFixed(2)}
    </span>
  );
}

/** Bars in place of words, as long as the text is. */
export function VeiledText({ text, veil, inline = false }: { text: string; veil: Veil; inline?: boolean }) {
  const Tag = inline ? 'span' : 'div';
  const length = [...text].length;
  return (
    <Tag class={inline ? 'text word' : 'text'} data-veiled={veil.hide(text)}>
      <span class="cover" role="img" aria-label={`hidden text of ${length} characters`}>
        {coverWidths(length, inline).map((width) => (
          <i style={{ width: `${width}em` }} />
        ))}
      </span>
    </Tag>
  );
}

/** Widths that look like words without telling them: from the length alone. */
function coverWidths(length: number, inline: boolean): readonly string[] {
  if (inline) return [(Math.max(3, Math.min(8, length)) * 0.5).toFixed(1)];
  const pattern = [4, 7, 3, 5, 8, 2, 6];
  const out: string[] = [];
  for (let done = 0, i = 0; done < Math.min(length, 400); i++) {
    const next = Math.max(1, Math.min(pattern[i % pattern.length] ?? 4, length - done));
    out.push((next * 0.48).toFixed(2));
    done += next + 1;
  }
  return out;
}

export function WordTables({ lists, veil }: { lists: readonly VerdictWords[]; veil: Veil }) {
  return (
    <div class="word-tables">
      {lists.map(({ row, judge, words }) => {
        const most = Math.max(...words.map(({ weight }) => Math.abs(weight)), 1e-9);
        return (
          <figure class="words">
            <figcaption>
              <b>{row}</b> <span>{judge}</span>
            </figcaption>
            <table>
              <thead>
                <tr>
                  <th scope="col">word</th>
                  <th scope="col">weight</th>
                  <th scope="col" class="number">
                    replies
                  </th>
                </tr>
              </thead>
              <tbody>
                {words.map(({ word, weight, count }) => (
                  <tr>
                    <td>
                      <VeiledText text={word} veil={veil} inline />
                    </td>
                    <td>
                      <span class="meter wide" aria-hidden="true">
                        <span style={{ width: `${((100 * Math.abs(weight)) / most).toFixed(0)}%` }} />
                      </span>
                      {weight.toFixed(2)}
                    </td>
                    <td class="number">{count}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </figure>
        );
      })}
    </div>
  );
}
