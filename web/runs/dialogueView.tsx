/** One dialogue: what was said, how it was judged and rewarded, and how likely each token was to its speaker. */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ShownDialogue, ShownToken, ShownTurn } from '../../src/server/runs/protocol.js';
import { Harm } from './dialogueList.js';
import { isUnveiled, openDialogue, openLine, shown, toggleVeil } from './dialogues.js';
import { figure } from './figures.js';

const isShaded = signal(false);

export function DialogueView() {
  const dialogue = shown.value;
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (dialogue !== null) title.current?.focus({ preventScroll: true });
  }, [dialogue?.line]);
  if (openLine.value === null)
    return <p class="empty pane">Open a dialogue: click one, or choose by arrows and press Enter.</p>;
  if (dialogue === null) return <p class="empty pane">Reading …</p>;
  return (
    <article class="card pane" aria-labelledby="dialogue-title">
      <header>
        <h2 id="dialogue-title" ref={title} tabIndex={-1}>
          Dialogue {dialogue.line + 1}
        </h2>
        <button
          type="button"
          onClick={() => {
            openDialogue(null);
          }}
        >
          Close <kbd>Esc</kbd>
        </button>
      </header>
      <p class="soft">
        {dialogue.stage}
        {dialogue.epoch === null ? '' : `, epoch ${String(dialogue.epoch)}`}
        {dialogue.step === null ? '' : `, step ${String(dialogue.step)}`} · prompt {dialogue.prompt.id}
      </p>
      <div class="row tools">
        <button type="button" class="strong" onClick={toggleVeil} aria-pressed={isUnveiled.value}>
          {isUnveiled.value ? 'Cover the texts' : 'Show the texts'}
        </button>
        <label>
          <input
            type="checkbox"
            checked={isShaded.value}
            onChange={({ currentTarget }) => {
              isShaded.value = currentTarget.checked;
            }}
          />{' '}
          Shade tokens by NLL
        </label>
      </div>
      {isUnveiled.value && dialogue.judgeWords.length > 0 ? (
        <p class="soft hint">
          Marked: words that drive the verdicts of {dialogue.judgeWords.map(({ judge }) => judge).join(', ')} over this
          row.
        </p>
      ) : null}
      <Turns dialogue={dialogue} />
    </article>
  );
}

function Turns({ dialogue: { prompt, turns, judgeWords } }: { readonly dialogue: ShownDialogue }) {
  return (
    <ol class="turns">
      {prompt.text === '' ? null : (
        <li class="turn prompt">
          <p class="author">prompt</p>
          <Text text={prompt.text} tokens={null} />
          {prompt.goal === null ? null : (
            <>
              <p class="author">goal</p>
              <Text text={prompt.goal} tokens={null} />
            </>
          )}
        </li>
      )}
      {turns.map((turn, i) => (
        <Turn
          key={i}
          turn={turn}
          marked={turn.author === 'target' ? wordPattern(judgeWords.flatMap(({ words }) => words)) : null}
        />
      ))}
    </ol>
  );
}

interface TurnProps {
  readonly turn: ShownTurn;
  /** Words that are marked; null for none. */
  readonly marked: RegExp | null;
}

function Turn({ turn: { author, text, noReply, tokens, verdicts, nll, reward }, marked }: TurnProps) {
  return (
    <li class={`turn ${author}`}>
      <p class="author">{author}</p>
      {noReply === null ? (
        <Text text={text} tokens={tokens} marked={marked} />
      ) : (
        <p class="soft">No reply: {noReply}</p>
      )}
      <p class="figures soft">
        {verdicts.map(({ judge, harm, failed, reason }) => (
          <span key={judge} title={reason ?? undefined}>
            {author === 'target' ? (
              <Harm harm={harm} failures={failed === true ? 1 : 0} />
            ) : (
              `harm ${harm === null ? '–' : harm.toFixed(2)}`
            )}{' '}
            by {judge}
          </span>
        ))}
        {nll === null ? null : <span>{figure(nll)} nats per token under the target</span>}
        {reward === null ? null : (
          <span>
            reward {figure(reward.total)} (
            {Object.entries(reward.terms)
              .map(([name, value]) => `${name} ${figure(value)}`)
              .join(', ')}
            )
          </span>
        )}
      </p>
    </li>
  );
}

/** Returns what finds words as a whole, case aside; null for none. */
function wordPattern(words: readonly string[]): RegExp | null {
  if (words.length === 0) return null;
  const escaped = words.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(?<![\\p{L}\\p{N}])(${escaped.join('|')})(?![\\p{L}\\p{N}])`, 'giu');
}

/** Parts at odd places are what the pattern has found. */
function withMarks(text: string, marked: RegExp): ComponentChildren {
  return text.split(marked).map((part, i) => (i % 2 === 1 ? <mark key={i}>{part}</mark> : part));
}

interface TextProps {
  readonly text: string;
  readonly tokens: readonly ShownToken[] | null;
  readonly marked?: RegExp | null;
}

/** Model text is text alone, and not in the page while it is covered. */
function Text({ text, tokens, marked = null }: TextProps) {
  if (!isUnveiled.value) return <Cover length={text.length} />;
  if (!isShaded.value || tokens === null)
    return (
      <p class="text" dir="auto">
        {marked === null ? text : withMarks(text, marked)}
      </p>
    );
  return (
    <p class="text" dir="auto">
      {tokens.map(({ text: token, nll }, i) => (
        <span
          key={i}
          class={nll === null ? undefined : `n${String(Math.min(5, Math.floor(nll)))}`}
          title={nll === null ? undefined : `${nll.toFixed(2)} nats to its speaker`}
        >
          {token}
        </span>
      ))}
    </p>
  );
}

function Cover({ length }: { readonly length: number }) {
  const words = Math.min(18, Math.max(3, Math.round(length / 6)));
  return (
    <div class="cover">
      <span class="unseen">Covered text</span>
      <div class="bars" aria-hidden="true">
        {Array.from({ length: words }, (_, i) => (
          <i key={i} class={`w${String((i * 5) % 7)}`} />
        ))}
      </div>
    </div>
  );
}
