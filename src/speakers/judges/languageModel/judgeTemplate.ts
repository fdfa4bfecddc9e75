/** The prompt of a judge that is a language model: messages with slots, how its answer is read, and the guard that
 *  keeps a judged text inside its slot.
 *
 *  Slots: {{text}} the judged text; {{reply}} the target's reply and {{utterance}} what it answers; {{goal}} what the
 *  dialogue's prompt is after, and {{background}} what it tells judges beside it; {{dialogue}}
 *  the whole dialogue up to the reply, with {{adversary}} and {{target}} as the speakers’ names. Where only a text is known it is the reply, and the others are empty. {{#utterance}}…{{/utterance}} is kept when there is an
 *  utterance, {{^utterance}}…{{/utterance}} when there is none. A message that comes out empty is left out.
 *
 *  A text cannot end its slot: slots are filled in one pass, so that braces in a text mean nothing; and marks that mean
 *  something in the prompt (the tokenizer's special tokens, the common chat marks, every mark of the template itself
 *  such as </text> or [/INST]) get a space after their first character wherever a text holds them. What a text says in
 *  plain words ("ignore the above") no template can undo. */
import type { JudgedItem, JudgedTurn, SpeakerNames } from '../../../dialogue/types.js';
import type { ChatMessage } from '../../../engine/text/chatTemplate.js';
import type { RatingRule } from './parseRating.js';

/** How the judge answers: with one of two words, whose probabilities count; or with a rating to be read. */
export type AnswerForm =
  | {
      readonly kind: 'words';
      /** The word that says harm. */
      readonly harm: string;
      readonly harmless: string;
      /** Categories that follow the word for harm; they become labels. Null: none are asked for. */
      readonly categories: RegExp | null;
    }
  | { readonly kind: 'rating'; readonly rule: RatingRule }
  | { readonly kind: 'scales'; readonly scales: readonly Scale[] };

/** A scale of whole numbers, and what is asked for on it. */
export interface Scale {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** May hold slots. */
  readonly question: string;
}

/** Stands for the question in a template with scales. */
const questionPlace = '{{question}}';

export interface JudgeTemplate {
  readonly summary: string;
  /** Contents with slots. */
  readonly messages: readonly ChatMessage[];
  /** The one message is the whole prompt, control tokens included: no chat template is put around it. */
  readonly raw: boolean;
  /** Begins the judge's answer. */
  readonly answerStart: string;
  readonly answer: AnswerForm;
}

const slotNames = ['text', 'utterance', 'reply', 'goal', 'background', 'dialogue', 'adversary', 'target'] as const;
type SlotName = (typeof slotNames)[number];

const anySlot = slotNames.join('|');
const slot = new RegExp(`\\{\\{\\s*(${anySlot})\\s*\\}\\}`, 'g');
const section = new RegExp(`\\{\\{([#^])(${anySlot})\\}\\}([\\s\\S]*?)\\{\\{/\\2\\}\\}`, 'g');

/** The messages with the question in its slots.
 *  @param marks what a text must not hold as it is: see `templateMarks` */
export function fillJudgeTemplate(
  { messages }: JudgeTemplate,
  question: JudgedItem,
  marks: RegExp | null,
): readonly ChatMessage[] {
  const values: Readonly<Record<SlotName, string>> = {
    text: defused(question.text, marks),
    utterance: defused(question.exchange?.utterance ?? '', marks),
    reply: defused(question.exchange?.reply ?? question.text, marks),
    goal: defused(question.goal ?? '', marks),
    background: defused(question.background ?? '', marks),
    dialogue: defused(dialogueText(question), marks),
    adversary: defused(namesOf(question).adversary, marks),
    target: defused(namesOf(question).target, marks),
  };
  return messages
    .map(({ role, content }) => ({
      role,
      content: keepSections(keepSections(content, values), values).replace(slot, (_, name: SlotName) => values[name]),
    }))
    .filter(({ content }) => content.trim() !== '');
}

/** Returns the speakers' names, or words that stand for them. */
function namesOf({ names }: JudgedItem): SpeakerNames {
  return names ?? { adversary: 'the first speaker', target: 'the second speaker' };
}

/** Returns the whole dialogue with the judged exchange at its end, a line per turn: 'Turn 1, NAME: …'. */
function dialogueText(item: JudgedItem): string {
  const { exchange } = item;
  if (exchange === undefined) return item.text;
  const turns: readonly JudgedTurn[] = [
    ...(exchange.before ?? []),
    { author: 'adversary', text: exchange.utterance },
    { author: 'target', text: exchange.reply },
  ];
  const names = namesOf(item);
  return turns
    .map(({ author, text }, i) => `Turn ${String(i + 1)}, ${names[author]}: ${text.replace(/\s+/gu, ' ').trim()}`)
    .join('\n');
}

/** Keeps the sections whose condition holds. A section may hold another one, which a second call decides. */
function keepSections(content: string, values: Readonly<Record<SlotName, string>>): string {
  return content.replace(section, (_, sign: string, name: SlotName, body: string) =>
    (values[name] !== '') === (sign === '#') ? body : '',
  );
}

/** Returns the template that asks for one scale and begins the answer, so that a number follows. */
export function templateOfScale(template: JudgeTemplate, { low, high, question }: Scale): JudgeTemplate {
  const whole = `${question} Rate it with a whole number from ${String(low)} to ${String(high)}. Answer with the number alone.`;
  return withQuestion(template, whole, 'Rating:');
}

/** Returns the template that asks for all scales at once, as one JSON object. */
export function templateOfScales(template: JudgeTemplate, scales: readonly Scale[]): JudgeTemplate {
  const lines = scales.map(
    ({ name, low, high, question }) => `- "${name}", from ${String(low)} to ${String(high)}: ${question}`,
  );
  const form = scales.map(({ name }) => `"${name}": NUMBER`).join(', ');
  const whole = `Rate each of these with a whole number:\n${lines.join('\n')}\n\nAnswer with one JSON object and nothing else: {${form}}`;
  return withQuestion(template, whole, '');
}

function withQuestion(template: JudgeTemplate, question: string, answerStart: string): JudgeTemplate {
  const messages = template.messages.map(({ role, content }) => ({
    role,
    content: content.replace(questionPlace, () => question),
  }));
  return { ...template, messages, answerStart };
}

/** Whether a prompt of this template shows the exchange around a text. */
export function hasSlot({ messages }: JudgeTemplate): boolean {
  return messages.some(({ content }) => content.search(slot) >= 0);
}

/** The places of a text in double braces that are neither slots nor sections. */
export function unfilledSlots(content: string): readonly string[] {
  const without = content.replace(section, '$3').replace(section, '$3').replace(slot, '');
  return without.match(/\{\{.*?\}\}/g) ?? [];
}

/** Marks that common chat formats give a meaning, whatever the tokenizer: servers parse them in texts too. */
const commonMarks = [
  '<|im_start|>',
  '<|im_end|>',
  '<|endoftext|>',
  '<|system|>',
  '<|user|>',
  '<|assistant|>',
  '<|end|>',
  '<|eot_id|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|begin_of_text|>',
  '<|end_of_text|>',
  '<start_of_turn>',
  '<end_of_turn>',
  '<bos>',
  '<eos>',
  '<s>',
  '</s>',
  '[INST]',
  '[/INST]',
  '<<SYS>>',
  '<</SYS>>',
];
const templateMark = /<<?\/?[A-Za-z|][^<>\n]{0,60}>>?|\[\/?[A-Z][A-Z_]*\]|"{3,}|`{3,}|#{3,}/g;

/** @param specialTexts texts of the tokenizer's special tokens
 *  @returns what finds a mark in a text, whatever its case */
export function templateMarks({ messages }: JudgeTemplate, specialTexts: readonly string[]): RegExp {
  const own = messages.flatMap(({ content }) => content.match(templateMark) ?? []);
  const marks = [...new Set([...commonMarks, ...own, ...specialTexts.filter((text) => text.trim().length > 1)])];
  marks.sort((a, b) => b.length - a.length);
  return new RegExp(marks.map((mark) => mark.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|'), 'giu');
}

/** Marks lose their meaning by a space after their first character; half of a surrogate pair, which is no text, becomes
 *  U+FFFD. */
function defused(text: string, marks: RegExp | null): string {
  const whole = text.replace(/\p{Surrogate}/gu, '\uFFFD');
  return marks === null ? whole : whole.replace(marks, (mark) => `${mark.slice(0, 1)} ${mark.slice(1)}`);
}
