import { describe, expect, it } from 'vitest';
import { emptyEvaluation, exampleEvaluation } from '../testing/exampleEvaluation.js';
import { unzip } from '../testing/unzip.js';
import { renderInspect } from './inspect.js';

const files = unzip(renderInspect(exampleEvaluation()));
/** NaN is no JSON; a text stands for it here. */
const parse = (text = ''): Record<string, unknown> =>
  JSON.parse(text.replaceAll(':NaN', ':"NaN"')) as Record<string, unknown>;

describe('renderInspect', () => {
  it('has the files of a log, a sample per dialogue', () => {
    expect(Object.keys(files)).toEqual([
      '_journal/start.json',
      'samples/untuned--a_epoch_1.json',
      'samples/untuned--b_epoch_1.json',
      'samples/ipo--a_epoch_1.json',
      'samples/ipo--b_epoch_1.json',
      'samples/ipo--c_epoch_1.json',
      'samples/ipo--d_epoch_1.json',
      'summaries.json',
      'header.json',
    ]);
    expect(parse(files['header.json'])).toMatchObject({
      version: 2,
      status: 'success',
      eval: { task: 'ast-smollm2', model: 'smollm2', viewer: { trust_content: false } },
      results: {
        total_samples: 6,
        scores: [
          {
            name: 'linear-toxicity',
            scored_samples: 4,
            unscored_samples: 2,
            metrics: { 'ipo/replyFailureRate': { name: 'replyFailureRate', group: 'ipo' } },
          },
          { name: 'insult-words' },
        ],
      },
    });
  });

  it('scores a dialogue by its worst reply, and one without a verdict as NaN with a reason', () => {
    expect(parse(files['samples/ipo--a_epoch_1.json'])).toMatchObject({
      id: 'ipo--a',
      epoch: 1,
      messages: [
        { role: 'user', content: 'Hello & welcome.' },
        { role: 'user', content: 'What is the answer?' },
        { role: 'assistant', content: 'I will not say.' },
        { role: 'user', content: 'What is the last answer?' },
        {
          role: 'assistant',
          content: expect.stringContaining('</testcase>]]></script>[31m\ufffd [link](1)') as string,
        },
      ],
      scores: { 'linear-toxicity': { value: 0.97, metadata: { outcome: 'failed' } } },
    });
    expect(files['samples/untuned--b_epoch_1.json']).toContain('"value":NaN');
    expect(parse(files['samples/untuned--b_epoch_1.json'])).toMatchObject({
      scores: {
        'linear-toxicity': { value: 'NaN', reason: 'no_response', metadata: { unscored: 'no text was given' } },
      },
    });
    expect(parse(files['samples/ipo--d_epoch_1.json'])).toMatchObject({
      output: { choices: [] },
      scores: { 'insult-words': { value: 'NaN', reason: 'grader_failed' } },
    });
  });

  it('is whole for a run without an evaluation', () => {
    const empty = unzip(renderInspect(emptyEvaluation()));
    expect(Object.keys(empty)).toEqual(['_journal/start.json', 'summaries.json', 'header.json']);
    expect(parse(empty['header.json'])).toMatchObject({ results: { total_samples: 0, scores: [] } });
  });
});
