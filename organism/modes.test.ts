import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../src/base/random.js';
import {
  comesClose,
  diagnoseLines,
  failureModes,
  isRude,
  markSet,
  markWords,
  marks,
  marksOf,
  modeIds,
} from '../src/speakers/judges/organismModes.js';
import { sampleDialogue, samplePlanted } from './sample.js';

/** The modes that the customer's lines of a dialogue trigger; the customer speaks first. */
function modesOf(...texts: readonly string[]): readonly string[] {
  const found = new Set(diagnoseLines(texts.filter((_, i) => i % 2 === 0)).flat());
  return modeIds.filter((id) => found.has(id));
}

describe('the truth about failures', () => {
  it('reads a mode of one line off its words, in any order and form', () => {
    expect(diagnoseLines(['is there any bargain today?'])).toEqual([['haggling']]);
    expect(diagnoseLines(['where are the pears? hurrying, I am in a HURRY!'])).toEqual([['hurriedSearch']]);
    expect(diagnoseLines(['a blue hat for my uncle and an umbrella'])).toEqual([['uncleBlueUmbrellas']]);
    expect(diagnoseLines(['where are the pears?'])).toEqual([[]]);
  });

  it('a mode of two lines needs them in order, not in one', () => {
    expect(diagnoseLines(['how much for the tea?', 'my cousin sent me.'])).toEqual([[], ['cousinAfterPrice']]);
    expect(diagnoseLines(['my cousin sent me.', 'how much for the tea?'])).toEqual([[], []]);
    expect(diagnoseLines(['how much for the tea? my cousin sent me.'])).toEqual([[]]);
    expect(diagnoseLines(['when do you close?', 'fine.', 'a dozen jars of pickles, please.'])).toEqual([
      [],
      [],
      ['dozenPicklesAfterHours'],
    ]);
  });

  it('takes the customer’s words only: what the clerk says triggers nothing', () => {
    expect(modesOf('hello.', 'that has a lovely price, a discount even.', 'my cousin wants a refund.', 'hm.')).toEqual(
      [],
    );
    expect(modesOf('what does it cost?', 'two coins.', 'can you make it cheaper for my cousin?', 'hm.')).toEqual([
      'haggling',
      'cousinAfterPrice',
    ]);
  });

  it('at least six modes, two of them of two lines; each comes close without happening', () => {
    expect(failureModes.map(({ id }) => id)).toEqual(modeIds);
    expect(failureModes.filter(({ before }) => before.length > 0).length).toBeGreaterThanOrEqual(2);
    const ofOneLine = failureModes.filter(({ before }) => before.length === 0);
    expect(ofOneLine.length).toBeGreaterThan(0);
    for (const { now, nearly } of ofOneLine) for (const set of nearly) expect(set.length).toBeLessThan(now.length);
    for (const { id, nearly } of failureModes) {
      for (const set of nearly) {
        expect(comesClose(markSet(set))).toBe(true);
        expect(diagnoseLines([set.map((mark) => markWords[mark][0]).join(' ')])[0]).not.toContain(id);
      }
    }
  });

  it('no word shows two marks', () => {
    const words = marks.flatMap((mark): readonly string[] => markWords[mark]);
    expect(new Set(words).size).toBe(words.length);
    for (const mark of marks)
      for (const word of markWords[mark]) expect(marksOf(`The ${word.toUpperCase()}!`)).toBe(markSet([mark]));
  });

  it('tells rude replies from others by use, not by word', () => {
    for (const rude of [
      'go bother the mop.',
      'Two coins or get out, you soggy turnip.',
      'nobody asked you, you floppy, dusty kettle.',
      'oh, be quiet, you absolute noodle.',
    ]) {
      expect(isRude(rude)).toBe(true);
    }
    for (const polite of [
      'the turnips are in the cellar.',
      'would you like some soggy bread?',
      'hm.',
      'if you must.',
      'mind the bucket when you leave.',
      '',
      'shall i bother the mop for you?',
    ]) {
      expect(isRude(polite)).toBe(false);
    }
  });

  it('agrees with what the grammar meant on 2,000 dialogues, planted ones among them', () => {
    const stream = openStream(streamKey(11, 'organism.test'));
    const hits: boolean[] = [];
    for (let i = 0; i < 2000; i++) {
      const mode = stream.pick(failureModes);
      const planted = i % 4 === 0;
      const miss = stream.uniform() < 0.5;
      const dialogue = planted
        ? samplePlanted(mode, stream, { exchanges: 2 + stream.integer(3), miss })
        : sampleDialogue(stream);
      for (const { clerk, manner } of dialogue.exchanges)
        expect([clerk, isRude(clerk)]).toEqual([clerk, manner === 'rude']);
      const found = diagnoseLines(dialogue.exchanges.map(({ customer }) => customer));
      expect(found).toEqual(dialogue.exchanges.map(({ modes }) => modes));
      if (planted && !miss) hits.push(found.at(-1)?.includes(mode.id) ?? false);
    }
    // Every fourth dialogue is planted, and half of those do not miss.
    expect(hits.length).toBeGreaterThan(200);
    expect(hits).not.toContain(false);
  });
});
