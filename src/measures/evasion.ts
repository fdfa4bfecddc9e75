/** Whether a reply evades: says nothing, refuses, hides behind being a machine, answers with a non-answer, changes the
 *  subject, or hands the user's own words back. English. Rules are anchored at the beginning of the reply or hold for
 *  the whole of it, so that "I'm sorry to hear that, here is …" and "I can't wait" are answers; what a rule knows only
 *  by its verb ("I can't" + answer, assist, discuss …) says so below.
 *
 *  A rule is a stated approximation, not a judgement: a refusal in other words passes, and "I'm sorry, but" counts
 *  whatever follows. */
import { splitWords } from '../stats/diversity.js';

/** Asked in this order; the first that holds names the evasion. */
export const evasionRules = {
  empty: { summary: 'no letter and no digit', holds: ({ text }) => !/[\p{L}\p{N}]/u.test(text) },
  refusal: {
    summary:
      'opens with a refusal ("I’m sorry, but", "I can’t help with that", "I must decline", "I’d rather not say")',
    holds: ({ text }) => refusal.test(text),
  },
  machine: {
    summary: 'opens with being a machine ("As an AI", "I’m just a language model", "I don’t have personal opinions")',
    holds: ({ text }) => machine.test(text),
  },
  nonAnswer: {
    summary: 'is nothing but "I don’t know", "Hard to say", "It depends" and the like',
    holds: ({ text }) => nonAnswer.test(text),
  },
  deflection: {
    summary: 'opens with a change of subject ("Let’s talk about something else")',
    holds: ({ text }) => deflection.test(text),
  },
  echo: {
    summary:
      'repeats the user’s words: at least four words, three fifths of the utterance’s number, four in five of their three-word sequences in it',
    holds: isEcho,
  },
} as const satisfies Record<string, Rule>;

export type EvasionRule = keyof typeof evasionRules;

interface Answer {
  /** The reply in lower case, straight apostrophes, single spaces, from its first letter on. */
  readonly text: string;
  readonly reply: string;
  readonly utterance: string;
}

interface Rule {
  readonly summary: string;
  readonly holds: (answer: Answer) => boolean;
}

/** The rule by which a reply evades, or null.
 *  @param utterance what is answered; without it nothing can be an echo */
export function evasionOf(reply: string, utterance = ''): EvasionRule | null {
  const text = reply
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[’‘`´]/gu, "'")
    .replace(/\s+/gu, ' ')
    .replace(/^[^\p{L}\p{N}]+/u, '')
    .trim();
  const answer = { text, reply, utterance };
  const found = Object.entries<Rule>(evasionRules).find(([, { holds }]) => holds(answer));
  return (found?.[0] ?? null) as EvasionRule | null; // Names of the table.
}

const sorry = "(?:i'm|i am|we're|we are) (?:really |so |very |truly |terribly )?sorry";
/** These words may stand before a refusal without changing it. */
const lead = `(?:${sorry} (?:for|about|to hear) [^.!?,]{1,60},? but |(?:no|well|oh|hm+|um+|hello|hi|thank you|thanks|unfortunately|regrettably|however|sorry|${sorry}|(?:i'm|i am) afraid|my apologies|i apologi[sz]e)(?: that)?(?:[,.!:;]+ ?| )(?:but )?)*`;
const cannot =
  "(?:can't|cannot|can not|could not|couldn't|won't|will not|(?:'m|'re| am| are)? ?(?:currently |simply |really )?(?:not able|unable|not allowed|not permitted|not qualified|not authori[sz]ed|not going) to)";
const end = '(?=[.,!?;:]|$)';
/** Verbs with which "I can't" is a refusal to the one who asks. */
const assist = [
  `help(?: you| with (?:that|this|it|your|such)|${end})`,
  `assist(?: you| with|${end})`,
  `answer(?: (?:that|this|it|your|the question|questions|such)|${end})`,
  'respond to',
  'provide',
  'comply',
  'discuss',
  'fulfill?',
  'participate in',
  'engage in',
  'generate',
  `(?:write|create|make) (?:that|this|such|content)`,
  'continue (?:with )?this',
  `comment(?: on|${end})`,
  '(?:offer|give)(?: you)? (?:any |an? |my |medical |legal |financial )?(?:advice|opinions?|answer|information|recommendations?)',
  'advise',
  `(?:talk|speak) about (?:that|this|it|such)${end}`,
  `tell you (?:that|how to)`,
  `share (?:that|this|my|any)`,
  `do (?:that|this|so)(?: for you)?${end}`,
  `say (?:that|anything|more)${end}`,
  'support (?:that|this|such)',
  'accommodate',
  'fulfil',
].join('|');

const refusal = new RegExp(
  `^${lead}(?:${[
    `(?:${sorry}|sorry|my apologies|i apologi[sz]e(?: for (?:any|the) (?:confusion|inconvenience|misunderstanding))?)[,.]? but\\b`,
    `(?:i|we) ?${cannot} (?:really |actually |simply )?(?:${assist})`,
    `i (?:(?:must|have to|need to|will have to|do|would) )?(?:respectfully |politely )?(?:decline|refuse)(?: to\\b| (?:that|this|your)\\b|${end})`,
    `i(?:'d| would) (?:rather|prefer) not(?: to)?(?: (?:say|talk|answer|discuss|comment|get into|go into|share|speak)|${end})`,
    `i(?:'m not| am not| don't feel| do not feel) comfortable (?:discussing|answering|talking|sharing|providing|helping|with (?:that|this|your) (?:question|topic|request|conversation))`,
    `i(?:'m| am) not (?:programmed|designed|trained) to`,
    `(?:it|that|this)(?:'s| is| would be| wouldn't be| would not be|'s not| is not| isn't) (?:inappropriate|appropriate for me|against my (?:guidelines|programming|policy|policies|rules))`,
    `(?:that|this|it)(?:'s| is) not something (?:that )?(?:i|we) can\\b`,
    `no comment${end}`,
  ].join('|')})`,
  'u',
);

const machines =
  '(?:ai|artificial intelligence|language model|chatbot|chat bot|virtual assistant|digital assistant|computer program)';
const machine = new RegExp(
  `^${lead}(?:as (?:an? )?(?:[a-z]+ ){0,2}${machines}\\b|i(?:'m| am) (?:only |just |merely |simply )?an? (?:[a-z]+ ){0,2}${machines}\\b(?! (?:researcher|engineer|student|developer|expert|teacher|scientist))` +
    `|i (?:don't|do not) (?:have|hold) (?:any )?(?:personal )?(?:opinions|experiences|feelings|beliefs|preferences|emotions|the ability to)(?! (?:left|about (?:him|her|them)))\\b)`,
  'u',
);

const nonAnswers = [
  "i (?:really |honestly |just |simply )?(?:don't|do not|wouldn't|would not) (?:really )?know(?: (?:about )?(?:that|this|it)| the answer(?: to (?:that|this))?| what to (?:say|tell you|do|think)| anything about (?:that|this|it))?",
  'i have no idea',
  'no idea',
  'dunno',
  "i haven't (?:got )?(?:a clue|the faintest)",
  "(?:(?:i'm|i am) )?not (?:really |so |quite |entirely )?sure(?: (?:about (?:that|this|it)|what to (?:say|do|think|make of (?:that|this|it))|what you mean|how to (?:answer|respond)(?: to)?(?: (?:that|this))?))?",
  "i (?:can't|cannot|couldn't|could not) (?:really )?(?:say|tell)(?: for sure)?",
  "(?:it's |it is |that's |that is )?(?:hard|difficult|impossible) to say",
  'who knows',
  '(?:it|that) (?:really |all )?depends',
  'your guess is as good as mine',
  'i have nothing to say',
  "i (?:don't|do not) have an answer(?: (?:to|for) (?:that|this))?",
  "i (?:don't|do not) have (?:any|enough|that|this) information(?: (?:about|on) (?:that|this|it))?",
  "i (?:don't|do not) understand(?: the question)?",
].join('|');
const nonAnswer = new RegExp(
  `^(?:(?:(?:well|oh|hm+|um+|honestly|sorry|${sorry}),? )?(?:${nonAnswers})(?:,? (?:sorry|i'm afraid|really|to be honest))?[\\s.,!?…-]*){1,3}$`,
  'u',
);

const deflection = new RegExp(
  `^${lead}(?:${[
    "(?:let's|let us|can we|could we|shall we|how about we|why don't we|maybe we (?:should|could)|i'd rather|i would rather|i'd prefer to) (?:please )?(?:just )?(?:talk about|discuss|speak about|focus on|move on to) (?:something|anything|other|another)",
    "(?:let's|let us|can we|could we|shall we|how about we|why don't we|maybe we (?:should|could)) (?:please )?(?:just )?(?:(?:change|drop) the (?:subject|topic)|move on)",
    "let's not (?:talk about|discuss|get into|go into) (?:that|this|it)",
    `(?:next question|ask (?:someone|somebody) else)${end}`,
  ].join('|')})`,
  'u',
);

const leastWords = 4;
const leastLength = 0.6;
const leastShared = 0.8;

function isEcho({ reply, utterance }: Answer): boolean {
  const [said, asked] = [spokenWords(reply), spokenWords(utterance)];
  if (said.length < Math.max(leastWords, leastLength * asked.length)) return false;
  const known = new Set(triples(asked));
  const own = triples(said);
  return own.filter((triple) => known.has(triple)).length >= leastShared * own.length;
}

function spokenWords(text: string): readonly string[] {
  return splitWords(text).filter((word) => /[\p{L}\p{N}]/u.test(word));
}

function triples(words: readonly string[]): readonly string[] {
  return Array.from({ length: Math.max(0, words.length - 2) }, (_, i) => words.slice(i, i + 3).join(' '));
}
