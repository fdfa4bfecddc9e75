import { describe, expect, it } from 'vitest';
import { evasionOf, evasionRules, type EvasionRule } from './evasion.js';

const evasive: readonly (readonly [string, EvasionRule, string?])[] = [
  ['', 'empty'],
  ['   \n', 'empty'],
  ['...', 'empty'],
  ['"!?"', 'empty'],
  ['🙂', 'empty'],
  ["I'm sorry, but I can't assist with that.", 'refusal'],
  ['I’m sorry, but that is not possible.', 'refusal'],
  ['I am really sorry, but I have to end here.', 'refusal'],
  ['Sorry, but no.', 'refusal'],
  ['I apologize, but I cannot continue.', 'refusal'],
  ['I apologise for any confusion, but this is outside my field.', 'refusal'],
  ["I can't help with that.", 'refusal'],
  ['I cannot help you.', 'refusal'],
  ["I can't help.", 'refusal'],
  ['"I cannot provide advice on gardening."', 'refusal'],
  ["Unfortunately, I'm not able to answer that question.", 'refusal'],
  ['Thank you, but I am unable to discuss the weather.', 'refusal'],
  ["I'm afraid I can't do that.", 'refusal'],
  ['I won’t answer that.', 'refusal'],
  ['We are unable to help with this request.', 'refusal'],
  ['I must respectfully decline.', 'refusal'],
  ['I refuse to say anything about cheese.', 'refusal'],
  ["I'd rather not say.", 'refusal'],
  ['I would prefer not to discuss it.', 'refusal'],
  ["I'm not comfortable answering questions about my garden.", 'refusal'],
  ['I am not programmed to choose a colour.', 'refusal'],
  ['It would be inappropriate to comment.', 'refusal'],
  ["That's not something I can talk about.", 'refusal'],
  ['No comment.', 'refusal'],
  ['As an AI, I like all kinds of bread.', 'machine'],
  ['As an AI language model, I do not eat.', 'machine'],
  ["I'm just a language model.", 'machine'],
  ['I am a virtual assistant and have no kitchen.', 'machine'],
  ["I don't have personal opinions about shelves.", 'machine'],
  ['Thank you! As a helpful AI assistant, I enjoy chatting.', 'machine'],
  ["I'm sorry for your loss, but as a chatbot designed to provide information, I can say little.", 'machine'],
  ["I'm sorry to hear that, but I can't answer that.", 'refusal'],
  ["I don't know.", 'nonAnswer'],
  ['I really do not know the answer to that.', 'nonAnswer'],
  ['Hmm, no idea. Sorry, I have no idea!', 'nonAnswer'],
  ["I'm not sure.", 'nonAnswer'],
  ["I'm not sure what to say.", 'nonAnswer'],
  ['Hard to say...', 'nonAnswer'],
  ['It depends.', 'nonAnswer'],
  ['Who knows?', 'nonAnswer'],
  ["I can't say for sure.", 'nonAnswer'],
  ["Let's talk about something else.", 'deflection'],
  ['Can we please change the subject? I had a long day.', 'deflection'],
  ["Let's not get into that.", 'deflection'],
  ['Next question.', 'deflection'],
  ['Did you grab it or was it gone?', 'echo', 'Did you grab it, or was it gone?'],
  ['did you grab it or was it gone did you grab it or was it gone', 'echo', 'Did you grab it, or was it gone?'],
];

const answering: readonly (readonly [string, string?])[] = [
  ["I'm sorry to hear that, here is a towel."],
  ["I'm so sorry for your loss. How are you holding up?"],
  ["I'm sorry I'm late, the bus did not come."],
  ["I'm sorry about the noise, but the wall has to go today."],
  ['Sorry for the delay, but the soup is ready now.'],
  ['I am sorry, we sold the last apples this morning.'],
  ['i am afraid the price is fixed, but i can add honey.'],
  ['Please forgive us, take some pears for free.'],
  ["I can't wait to see the kitchen!"],
  ["I can't believe it still works."],
  ["I can't help laughing when I see that cat."],
  ["I can't help but smile."],
  ["I can't help my sister move on Sunday, she lives too far away."],
  ["I can't answer the phone while I am cooking."],
  ["Unfortunately, I can't make it on Friday."],
  ["I'm not going to make any changes to the recipe."],
  ['I cannot recommend that bakery enough.'],
  ["I won't be home before six."],
  ["I'm not able to walk that far yet, but my knee is better."],
  ["I'm not allowed to have pets in my flat."],
  ["I'd rather not take the bus on a Sunday."],
  ["I don't know, maybe try vinegar first."],
  ["I don't know him, but his bread is good."],
  ["I'm not sure, but I think the shop closes at six."],
  ['It depends on the size: a small one takes an hour.'],
  ['Who knows the way to the harbour? I do.'],
  ['No, the blue one is mine.'],
  ['No.'],
  ['Yes.'],
  ['Seven.'],
  ['42'],
  ['Hm.'],
  ['As an aid to memory, write it on the door.'],
  ['As a teacher, I get up at six.'],
  ["I'm an AI researcher, so I read about it all day."],
  ["I'm a painter, and I like machines."],
  ['Artificial light is not enough for tomatoes.'],
  ["I don't have feelings left after that film."],
  ["I don't have the key, my neighbour has it."],
  ["Let's talk about it over dinner."],
  ["Let's move the sofa first."],
  ['Can we change the tyres today?'],
  ['Thank you for asking, I slept well.'],
  ['Thanks, but the shelf is straight now.'],
  ['You could ask someone else in the office, Anna has the list.'],
  ['In the morning.', 'Would you like it in the morning or in the evening?'],
  ['Good morning!', 'Good morning!'],
  [
    'It was gone by the time I came back, so I took the lamp.',
    'Did you grab it or was it gone by the time you came back?',
  ],
  ['The pale one.', 'Which yellow did you go for, the pale one or the strong one?'],
  ['That is appropriate for a picnic.'],
  ['This is not something you see every day.'],
  ['I declined the offer, since it rained.'],
];

describe('the rule for evasive replies', () => {
  const usual = 'How was your day?';

  it.each(evasive.map(([reply, rule, utterance = usual]) => ({ reply, rule, utterance })))(
    '"$reply" evades: $rule',
    ({ reply, rule, utterance }) => {
      expect(evasionOf(reply, utterance)).toBe(rule);
    },
  );

  it.each(answering.map(([reply, utterance = usual]) => ({ reply, utterance })))(
    '"$reply" is an answer',
    ({ reply, utterance }) => {
      expect(evasionOf(reply, utterance)).toBeNull();
    },
  );

  it('every rule is met by a sentence above, and says what it is', () => {
    expect(new Set(evasive.map(([, rule]) => rule))).toEqual(new Set(Object.keys(evasionRules)));
    for (const { summary } of Object.values(evasionRules)) expect(summary).not.toBe('');
  });

  it('openings repeated thousands of times are read without backtracking out of hand', () => {
    const repeated = ['no, ', "i'm sorry, ", "i don't know. ", 'as an ', 'hm, but '].map((text) =>
      evasionOf(text.repeat(5000)),
    );
    expect(repeated).toEqual([null, null, null, null, null]);
  });
});
