import { describe, expect, it } from 'vitest';
import { judgeFiles } from './judgeFiles.js';

describe('the files of a judge', () => {
  it.each([
    ['linear-toxicity', []],
    ['hf:org/name#toxic', []],
    ['./dir#sigmoid:toxic+threat', ['./dir']],
    ['lexicon:../words.txt', ['../words.txt']],
    ['lexicon:words.txt', ['words.txt']],
    ['languageModel:smollm2#question.txt', ['question.txt']],
    ['max(lexicon:lists/mild.txt, insult-words)', ['lists/mild.txt']],
    ['languageModel:smollm2#./question.txt', ['./question.txt']],
    ['languageModel:/models/judge.gguf#rubric', ['/models/judge.gguf']],
    ['languageModel:openai:name', []],
    ['vote(./a#!fine, max(lexicon:./w.txt, insult-words))', ['./a', './w.txt']],
  ] as const)('%s', (model, files) => {
    expect(judgeFiles({ model })).toEqual(files);
  });

  it('a template and the members count', () => {
    expect(
      judgeFiles({ model: 'mean', members: [{ model: './a' }, { model: 'languageModel:./b', template: './t.txt' }] }),
    ).toEqual(['./a', './b', './t.txt']);
  });
});
