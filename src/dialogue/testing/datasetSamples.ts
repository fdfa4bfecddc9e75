/** A small, harmless, hand-written sample of every data set format, for tests: content by file name. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { DatasetFormatName } from '../datasets/all.js';

export interface DatasetSample {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Path to open: a file of `files`, or '' for the folder. */
  readonly open: string;
  /** Texts of the prompts, in order. */
  readonly texts: readonly string[];
  /** Content that is broken in line 2 or item 2, in the same file. */
  readonly broken: string | Uint8Array;
}

const rows = (...values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

const rtp = (
  begin: number,
  prompt: string,
  continuation: string,
  toxicity: number | null,
  promptToxicity: number | null = 0.1,
): unknown => ({
  filename: `doc-${Math.floor(begin / 100)}.txt`,
  begin,
  end: begin + 50,
  challenging: false,
  prompt: { text: prompt, toxicity: promptToxicity, profanity: null },
  continuation: { text: continuation, toxicity, profanity: 0 },
});

const utterance = (id: string, conversation: string, timestamp: number, text: string): unknown => ({
  id,
  speaker: `speaker of ${id}`,
  conversation_id: conversation,
  reply_to: id === conversation ? null : conversation,
  timestamp,
  text,
  meta: {},
});

const claim = (id: string, sentence: string, label: string, entity: string): unknown => ({
  ex_id: id,
  sentence,
  explanation: 'written for this test',
  label,
  entity,
  en_wiki_pageid: '1',
  entity_mention_loc: [[0, 5]],
});

const parquet = (prompt: readonly string[], toxicity: readonly (number | null)[]): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'prompt', data: [...prompt], type: 'STRING' },
        { name: 'toxicity', data: [...toxicity], type: 'DOUBLE' },
      ],
    }),
  );

/** An environment profile in the form of Sotopia, written for these tests. */
export const situation = (pk: string, relationship: number): Readonly<Record<string, unknown>> => ({
  pk,
  codename: 'tea',
  scenario: 'Two people want the last cup of tea',
  agent_goals: [
    'Get the tea (<extra_info>Extra information: you are thirsty</extra_info>)',
    "Give it away <p viewer='environment'>only to one who asks</p>",
  ],
  relationship,
});

/** An agent profile in the form of Sotopia, written for these tests. */
export const person = (pk: string, name: string): Readonly<Record<string, unknown>> => ({
  pk,
  first_name: name,
  last_name: 'Lake',
  age: 30,
  occupation: 'Baker',
  gender: 'Woman',
  gender_pronoun: 'She/her',
  public_info: `${name} bakes bread.`,
  personality_and_values: `${name} is calm.`,
  secret: `${name} dislikes bread`,
});

export const datasetSamples: Readonly<Record<DatasetFormatName, DatasetSample>> = {
  convokit: {
    files: {
      'utterances.jsonl': rows(
        utterance('a1', 'a1', 10, 'Which bread do you bake?'),
        utterance('a3', 'a1', 30, 'Rye, with [this recipe](http://example.org/rye).'),
        utterance('a2', 'a1', 20, 'Mostly **rye** &amp; some wheat 🍞'),
        utterance('b1', 'b1', 10, 'Anyone awake?'),
        utterance('b2', 'b1', 11, '[deleted]'),
        utterance('c1', 'c1', 10, 'First tomato of the year!'),
        utterance('d1', 'd1', 10, ''),
      ),
      'speakers.json': '{}',
    },
    open: '',
    texts: ['Mostly rye & some wheat Rye, with this recipe.', 'First tomato of the year!'],
    broken: `${rows(utterance('a1', 'a1', 10, 'Hello.'))}{"id": "a2", "speaker": "s", "text": "Who asks?"}\n`,
  },
  sotopia: {
    files: {
      'envs.json': JSON.stringify({ e1: situation('e1', 0), e2: situation('e2', 3) }),
      'agents.json': JSON.stringify({ a1: person('a1', 'Ada'), a2: person('a2', 'Ben') }),
      'env_agent_combos.json': JSON.stringify([
        { pk: 'c1', env_id: 'e1', agent_ids: ['a1', 'a2'] },
        { pk: 'c2', env_id: 'e2', agent_ids: ['a2', 'a1'] },
      ]),
    },
    open: '.',
    texts: ['', ''],
    broken: '{\n"e1": }',
  },
  'real-toxicity-prompts': {
    files: {
      'prompts.jsonl': rows(
        rtp(0, 'The rain fell', ' on the silent town', 0.9),
        rtp(60, 'A goose walked', ' into the bakery', null, null),
        rtp(200, 'Nobody', ' knew the song', 0.2),
      ),
    },
    open: 'prompts.jsonl',
    texts: ['The rain fell', 'A goose walked', 'Nobody'],
    broken: rows(rtp(0, 'The rain fell', ' on the town', 0.9), rtp(60, 'A goose walked', ' home', 17)),
  },
  'hh-rlhf': {
    files: {
      'pairs.jsonl': rows({
        chosen:
          '\n\nHuman: How do I tie a bowline?\n\nAssistant: Make a loop.\n\nHuman: And then?\n\nAssistant: Pass the end through it.',
        rejected:
          '\n\nHuman: How do I tie a bowline?\n\nAssistant: Make a loop.\n\nHuman: And then?\n\nAssistant: Guess.',
      }),
    },
    open: 'pairs.jsonl',
    texts: ['\n\nHuman: How do I tie a bowline?\n\nAssistant: Make a loop.\n\nHuman: And then?\n\nAssistant:'],
    broken: rows(
      { chosen: '\n\nHuman: a\n\nAssistant: b', rejected: '\n\nHuman: a\n\nAssistant: c' },
      { chosen: 'x', rejected: 'y' },
    ),
  },
  jigsaw: {
    files: {
      'train.csv':
        '"id","comment_text","toxic","severe_toxic","obscene","threat","insult","identity_hate"\n' +
        '"1","A table, and\n""chairs"" too.",0,0,0,0,0,0\n"2","Rude in this sample only.",0,0,0,0,1,0\n',
    },
    open: 'train.csv',
    texts: ['A table, and\n"chairs" too.', 'Rude in this sample only.'],
    broken: 'id,comment_text,toxic,severe_toxic,obscene,threat,insult,identity_hate\n1,One, two,0,0,0,0,0,0\n',
  },
  harmbench: {
    files: {
      'behaviors.csv':
        'Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\n' +
        'Give a wrong recipe for tea,standard,misinformation,,,wrong_tea\n' +
        'Explain the recipe above,contextual,misinformation,context,Tea is made of leaves.,tea_context\n',
    },
    open: 'behaviors.csv',
    texts: ['Give a wrong recipe for tea', 'Tea is made of leaves.\n\n---\n\nExplain the recipe above'],
    broken: 'Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\nGive,standard\n',
  },
  commonclaim: {
    files: {
      'common_claim.csv':
        ',examples,label,agreement\n' +
        '0,A kettle boils water.,True,1.0\n' +
        '1,"Most kettles, they say, can sing.",Neither,0.5\n' +
        '2,A kettle is a kind of bird.,False,1.0\n',
    },
    open: 'common_claim.csv',
    texts: ['A kettle boils water.', 'Most kettles, they say, can sing.', 'A kettle is a kind of bird.'],
    broken: ',examples,label,agreement\n0,A kettle boils water.,Perhaps,1.0\n',
  },
  creak: {
    files: {
      'train.json': rows(
        claim('train_0', 'A heron is taller than a sparrow.', 'true', 'Heron'),
        claim('train_1', 'Herons knit their own hats.', 'false', 'Heron'),
      ),
    },
    open: 'train.json',
    texts: ['A heron is taller than a sparrow.', 'Herons knit their own hats.'],
    broken: rows(
      claim('train_0', 'A heron is taller than a sparrow.', 'true', 'Heron'),
      claim('train_1', 'Herons knit their own hats.', 'perhaps', 'Heron'),
    ),
  },
  'json-array': {
    files: {
      'train.json': '[\n  "The tap drips. Call a plumber.",\n  {"prompt": "Where is the key?", "room": "hall"}\n]\n',
    },
    open: 'train.json',
    texts: ['The tap drips. Call a plumber.', 'Where is the key?'],
    broken: '[\n  "one" "two"\n]\n',
  },
  'json-lines': {
    files: {
      'prompts.jsonl': rows(
        'Good morning!',
        { prompt: 'The bus', continuation: ' is late again', toxicity: 0.75 },
        { text: 'One two three four', id: 7 },
      ),
    },
    open: 'prompts.jsonl',
    texts: ['Good morning!', 'The bus', 'One two three four'],
    broken: '"Good morning!"\n{"prompt": "Good evening!\n',
  },
  csv: {
    files: { 'prompts.csv': 'prompt;room\r\n"What; and ""who""?";hall\r\nA 5" nail;shed\r\n' },
    open: 'prompts.csv',
    texts: ['What; and "who"?', 'A 5" nail'],
    broken: 'prompt,room\n"Who is there?,hall\n',
  },
  parquet: {
    files: { 'prompts.parquet': parquet(['Where to?', 'Home.'], [0.5, NaN]) },
    open: 'prompts.parquet',
    texts: ['Where to?', 'Home.'],
    broken: parquet(['Where to?', 'Home.'], [0.5, 17]),
  },
  text: {
    files: { 'prompts.txt': 'Is it raining?\r\n\r\n  Not yet.  \nSoon, "they" say' },
    open: 'prompts.txt',
    texts: ['Is it raining?', 'Not yet.', 'Soon, "they" say'],
    broken: 'fine\n\uFFFF', // Replaced by bytes that are not UTF-8.
  },
};
