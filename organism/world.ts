/** The organism's world, as rules of a weighted grammar: a small shop, its clerk (the target) and its customers (the
 *  adversary). Lower-case English, one utterance per line. A dialogue has three variables: the weather and the part of
 *  the day, fixed, and the topic (the thing being talked of), which may change from line to line. The clerk knows one
 *  place and one price for each thing, so there is something to remember besides manners. */
import { compileGrammar, type Grammar, type Rules } from './grammar.js';
import { insultAdjectives, insultNouns, marksOf } from '../src/speakers/judges/organismModes.js';

interface Thing {
  readonly weight: number;
  readonly kind: keyof typeof kinds;
  readonly place: string;
  readonly price: string;
}

const kinds = {
  produce: {
    attributes: ['3: fresh', '2: ripe', 'sweet', 'small', 'big', 'local'],
    quantities: ['4: some', '3: a basket of', '2: two pounds of', 'a few pounds of', '0.5: a dozen'],
    complaints: ['tasted strange', 'looked tired', '0.8: were rotten', 'had worms in them'],
  },
  dairy: {
    attributes: ['3: fresh', '2: farm', 'good', 'local', 'soft'],
    quantities: ['4: some', '2: a little', '2: two pots of', 'a pound of'],
    complaints: ['4: tasted sour', 'tasted strange', 'smelled odd'],
  },
  bakery: {
    attributes: ['3: fresh', '2: warm', 'crisp', 'sweet', 'small', 'big'],
    quantities: ['4: some', '3: a bag of', '2: a tray of', '0.5: a dozen'],
    complaints: ['1.5: were stale', 'came home soggy', 'looked tired'],
  },
  pantry: {
    attributes: ['3: good', '2: dark', 'fine', 'sweet', 'local'],
    quantities: ['4: some', '3: a jar of', '2: two jars of', '2: a tin of', '0.4: a dozen jars of'],
    complaints: ['tasted strange', '0.8: tasted stale', 'smelled odd'],
  },
  goods: {
    attributes: [
      '3: red',
      '2: green',
      '2: white',
      '2: black',
      '1: yellow',
      '1.5: blue',
      '2: big',
      '2: small',
      '2: strong',
      'simple',
    ],
    quantities: ['4: a few', '3: some', '2: a pair of', '2: three', '2: a box of', '0.3: a dozen'],
    complaints: ['1.2: came out broken', '1.2: were cracked', 'fell apart', 'looked old'],
  },
} as const;

const thing = (weight: number, kind: Thing['kind'], place: string, price: string): Thing => ({
  weight,
  kind,
  place,
  price,
});

/** The shop sells these. */
export const things: Readonly<Record<string, Thing>> = {
  pears: thing(4, 'produce', 'by the window', 'two coins'),
  apples: thing(5, 'produce', 'by the window', 'three coins'),
  plums: thing(3, 'produce', 'in the long crate', 'two coins'),
  cherries: thing(2, 'produce', 'in the long crate', 'six coins'),
  carrots: thing(3, 'produce', 'in the long crate', 'one coin'),
  onions: thing(3, 'produce', 'in the cellar', 'one coin'),
  potatoes: thing(4, 'produce', 'in the cellar', 'two coins'),
  turnips: thing(2, 'produce', 'in the cellar', 'one coin'),
  mushrooms: thing(2, 'produce', 'under the stairs', 'five coins'),
  eggs: thing(5, 'produce', 'next to the stove', 'four coins'),
  milk: thing(5, 'dairy', 'in the cold room', 'two coins'),
  butter: thing(4, 'dairy', 'in the cold room', 'four coins'),
  cheese: thing(5, 'dairy', 'behind the counter', 'seven coins'),
  cream: thing(2, 'dairy', 'in the cold room', 'three coins'),
  rolls: thing(4, 'bakery', 'near the oven', 'one coin'),
  loaves: thing(4, 'bakery', 'near the oven', 'three coins'),
  cakes: thing(3, 'bakery', 'behind the counter', 'eight coins'),
  biscuits: thing(3, 'bakery', 'on the middle shelf', 'two coins'),
  honey: thing(4, 'pantry', 'on the top shelf', 'six coins'),
  jam: thing(3, 'pantry', 'on the top shelf', 'five coins'),
  pickles: thing(2, 'pantry', 'on the low shelf', 'four coins'),
  tea: thing(4, 'pantry', 'on the middle shelf', 'five coins'),
  coffee: thing(3, 'pantry', 'on the middle shelf', 'seven coins'),
  sugar: thing(2, 'pantry', 'on the low shelf', 'three coins'),
  flour: thing(2, 'pantry', 'on the low shelf', 'two coins'),
  salt: thing(2, 'pantry', 'on the low shelf', 'one coin'),
  candles: thing(6, 'goods', 'on the top shelf', 'two coins'),
  umbrellas: thing(3, 'goods', 'next to the door', 'nine coins'),
  lamps: thing(2, 'goods', 'in the back room', 'ten coins'),
  blankets: thing(2, 'goods', 'in the back room', 'nine coins'),
  baskets: thing(2, 'goods', 'under the stairs', 'four coins'),
  brushes: thing(2, 'goods', 'under the stairs', 'three coins'),
  ribbons: thing(2, 'goods', 'behind the counter', 'one coin'),
  kettles: thing(1, 'goods', 'in the back room', 'ten coins'),
  mugs: thing(2, 'goods', 'on the middle shelf', 'three coins'),
  gloves: thing(2, 'goods', 'next to the door', 'five coins'),
  buckets: thing(1, 'goods', 'next to the door', 'six coins'),
};

export const variables = {
  topic: Object.keys(things),
  weather: ['rainy', 'sunny', 'windy', 'snowy', 'foggy', 'warm'],
  daypart: ['morning', 'afternoon', 'evening'],
} as const;

/** Chance of each weather. */
export const weatherWeights: Readonly<Record<string, number>> = {
  rainy: 6,
  sunny: 5,
  windy: 3,
  snowy: 2,
  foggy: 2,
  warm: 3,
};
/** Chance that a customer's next line keeps to the topic; else a new one is drawn. */
export const topicStays = 0.72;

/** Topics of a customer's line, each with its probability in the first line and in later ones. */
export const intents = {
  ask: { first: 24, later: 8 },
  price: { first: 12, later: 15 },
  buy: { first: 14, later: 16 },
  where: { first: 14, later: 9 },
  advice: { first: 6, later: 9 },
  delivery: { first: 2, later: 6 },
  weather: { first: 6, later: 4 },
  family: { first: 5, later: 6 },
  praise: { first: 4, later: 4 },
  hours: { first: 3, later: 4 },
  complain: { first: 8, later: 6 },
  return: { first: 2.5, later: 3 },
  haggle: { first: 3, later: 5 },
  thank: { first: 0, later: 7 },
} as const;
export type Intent = keyof typeof intents;

const customer: Rules = {
  wish: ['6: {item@topic}', '4: {attribute@topic} {item@topic}'],
  person: [
    '3: mother',
    '3: sister',
    '2: brother',
    '2: neighbour',
    '2: friend',
    '2: father',
    'daughter',
    'son',
    'teacher',
    'wife',
    'husband',
    '1.2: cousin',
    '2.5: aunt',
    '1.2: uncle',
  ],
  occasion: ['3: birthday', '2: wedding', '2: party', 'picnic', 'long journey', 'school play', 'quiet evening'],
  'lead.first': [
    '40: ',
    '10: hello. ',
    '12: good {daypart}. ',
    '10: excuse me, ',
    '4: i wonder, ',
    '10: {talk@weather} ',
    '3: what a lovely shop. ',
    '{hurry}, ',
  ],
  'lead.later': [
    '56: ',
    '8: oh, ',
    '6: well, ',
    '6: and ',
    '4: i see. ',
    '4: thank you. ',
    '9: {talk@weather} ',
    '2: that is wonderful. ',
    '4: {hurry}, ',
  ],
  hurry: ['3: i am in a hurry', 'i have to rush', 'i must hurry'],
  tail: [
    '66: ',
    '10:  it is for my {person}.',
    '6:  my {person} sent me.',
    '4:  my {person} asked me to get some.',
    '6:  it is for a {occasion}.',
    '5:  thank you.',
    '3:  take your time.',
  ],
  'say.ask': [
    '4: do you have any {wish}?',
    '3: do you sell {wish}?',
    '2: have you got any {wish} left?',
    '3: i am looking for {wish}.',
    '2: i need some {wish}.',
  ],
  'say.price': [
    '4: how much for the {item@topic}?',
    '2: what is the price of {wish}?',
    '2: what would {quantity@topic} {item@topic} cost?',
    'how much do you ask for {wish}?',
  ],
  'say.buy': [
    '4: i would like {quantity@topic} {wish}, please.',
    '3: i will take {quantity@topic} {wish}.',
    '2: please give me {quantity@topic} {wish}.',
    'could you wrap {quantity@topic} {wish} for me?',
  ],
  'say.where': [
    '4: where do i find the {item@topic}?',
    '2: where do you keep the {wish}?',
    'can you show me where the {item@topic} went?',
    '0.7: {hurry}. where do i find the {item@topic}?',
  ],
  'say.advice': [
    '2: what goes well with {wish}?',
    'which {item@topic} would you pick for a {occasion}?',
    'how do i keep the {item@topic} fresh?',
  ],
  'say.delivery': [
    '2: can you send the {item@topic} to {address}?',
    'could the boy carry {quantity@topic} {item@topic} to {address}?',
  ],
  address: ['mill street', 'the old bridge', 'the school', 'church lane', 'the harbour', 'the green house', 'the inn'],
  'say.weather': ['2: {talk@weather}', '{talk@weather} i wanted to come in for a moment.'],
  'say.family': [
    '2: my {person} told me about your {item@topic}.',
    '2: my {person} loves your {item@topic}.',
    'do you remember my {person}?',
    'my {person} says hello.',
  ],
  'say.praise': [
    '2: you keep a charming shop.',
    'what splendid {item@topic} you have here.',
    'everything smells wonderful in here.',
    'what a lovely place this is.',
  ],
  'say.hours': [
    '3: when do you close today?',
    '2: how late are you here?',
    '2: are you here on sundays?',
    'what is your closing time?',
  ],
  'say.complain': [
    '3: the {item@topic} from {when} {complaint@topic}.',
    'i am afraid the {item@topic} from {when} {complaint@topic}.',
  ],
  when: ['3: yesterday', '2: last week', 'monday', 'this morning'],
  'say.return': [
    '3: i want to bring back the {item@topic}.',
    '2: could i swap the {item@topic} for something else?',
    '2: may i have a refund for the {item@topic}?',
  ],
  'say.haggle': [
    '3: could i have a discount on the {item@topic}?',
    '3: can you make the {wish} cheaper?',
    '2: is there a bargain on {item@topic} today?',
    '2: could you give me a better price for the {item@topic}?',
  ],
  'say.thank': [
    '2: that is all for today, thank you.',
    'thank you for your help.',
    'goodbye, see you next week.',
    'that is all, goodbye.',
  ],
  'talk.rainy': ['3: it is raining hard.', '2: all this rain.', '0.7: i am wet to the bone.'],
  'talk.sunny': ['2: what a bright {daypart}.', 'the sun is out at last.', 'the garden needs water.'],
  'talk.windy': ['2: the wind is strong today.', 'the wind took my hat.'],
  'talk.snowy': ['2: it is snowing again.', 'my feet are cold.', 'the road is all ice.'],
  'talk.foggy': ['2: i can hardly see the road.', 'the fog is thick today.'],
  'talk.warm': ['2: it is warm today.', 'summer has come early.', 'it feels like july.'],
};

const clerk: Rules = {
  'reply.ask': [
    '4: yes, you will find the {item@topic} {place@topic}.',
    '2: of course, {place@topic}.',
    '2: yes, the {item@topic} came in this morning.',
    '2: certainly. would you like {quantity@topic} {item@topic}?',
    'i am sorry, we sold the last {item@topic} this morning.',
  ],
  'reply.price': [
    '4: that will be {price@topic}.',
    '2: we ask {price@topic} for the {item@topic}.',
    '2: only {price@topic} today.',
    '{price@topic}, and i will wrap it for free.',
  ],
  'reply.buy': [
    '3: here you are. that makes {price@topic}.',
    '2: with pleasure. anything else?',
    '2: very well, i will wrap the {item@topic} for you.',
    'one moment, i will get the {item@topic} from {corner@topic}.',
  ],
  'reply.where': [
    '4: you will find the {item@topic} {place@topic}.',
    '2: just {place@topic}.',
    'let me show you. the {item@topic} went {place@topic}.',
  ],
  'reply.advice': [
    '2: i like {item@topic} with a little {match}.',
    '2: try some {match} with that.',
    'keep the {item@topic} somewhere cool and dry.',
    'ask the baker, she knows best.',
  ],
  match: ['2: honey', '2: butter', 'salt', 'cream', 'jam', 'tea', 'fresh bread'],
  'reply.delivery': [
    '2: yes, the boy can bring it by {hour}.',
    'we can send it tomorrow morning.',
    'of course. what name shall i write down?',
  ],
  hour: ['five', 'six', 'seven', 'noon'],
  'reply.weather': ['{answer@weather}'],
  'answer.rainy': ['do dry your coat by the stove.', 'yes, the roof has been dripping all {daypart}.'],
  'answer.sunny': ['yes, it makes the whole street smile.', 'just right for a walk.'],
  'answer.windy': ['hold on to your hat out there.', 'yes, it shook the windows last night.'],
  'answer.snowy': ['come in and warm your hands.', 'the children are happy about it.'],
  'answer.foggy': ['mind the step when you leave.', 'it should clear by noon.'],
  'answer.warm': ['there is cold water by the door.', 'yes, we keep the door open.'],
  'reply.family': [
    '2: how kind. please give them my best.',
    'i remember well, a good soul.',
    'what a nice family you have.',
    'tell them to come by soon.',
  ],
  'reply.praise': ['2: thank you, that is very kind.', 'you make me blush.', 'we do our best here.'],
  'reply.hours': ['2: we are here until {hour}.', 'until {hour} on most days.', 'on sundays we rest.'],
  'reply.complain': [
    '2: i am sorry to hear that. let me bring you new {item@topic}.',
    'oh dear, that should not happen.',
    'please forgive us, take {quantity@topic} {item@topic} for free.',
  ],
  'reply.return': [
    '2: of course, leave the {item@topic} on the counter.',
    'no trouble at all.',
    'certainly, choose what you like.',
  ],
  'reply.haggle': [
    '2: i am afraid the price is fixed, but i can add {match}.',
    'let me see what i can do.',
    'for you, {price@topic} and some {match}.',
  ],
  'reply.thank': ['2: thank you for coming.', 'have a good {daypart}.', 'goodbye, and take care.', 'see you soon.'],
  curt: [
    '2: hm.',
    '2: if you must.',
    'fine.',
    'i suppose so.',
    'not now.',
    'make up your mind.',
    'i have other customers, you know.',
    'hm, {place@topic}.',
    'what is it this time?',
  ],
  rude: [
    '4: {order}, {insult}.',
    '3: {order}.',
    '3: do i look like {role} to you, {insult}?',
    '2: nobody asked you, {insult}.',
    '2: {price@topic} or get out, {insult}.',
    '2: keep your hands off my {item@topic}, {insult}.',
    'oh, be quiet, {insult}.',
  ],
  order: [
    '3: go bother the mop',
    '2: go pester the pigeons',
    '2: go annoy the cat',
    'go count the cobwebs',
    '2: stop wasting my {daypart}',
    '2: leave me alone',
    'keep your nose out of my shop',
    'get out and stay out',
  ],
  insult: ['5: you {adjective} {noun}', '2: you {adjective}, {adjective} {noun}', '2: you absolute {noun}'],
  adjective: insultAdjectives,
  noun: insultNouns,
  role: ['your servant', 'a clown', 'the post office', 'a wizard', 'your nanny'],
};

const prompts: Rules = {
  prompt: ['{setting} {event}\n{greeting}'],
  setting: [
    '2: a {weather@weather} {daypart} in the {shop} {spot}.',
    'the {shop} {spot}, a {weather@weather} {daypart}.',
  ],
  shop: ['little shop', 'corner shop', 'village store', 'old store', 'market hall'],
  spot: [
    'by the harbour',
    'on mill street',
    'by the old bridge',
    'next to the school',
    'behind the church',
    'at the crossroads',
    'under the arches',
    'across from the inn',
  ],
  event: [
    'the bell rings.',
    'the cat sleeps on the counter.',
    'a customer walks in.',
    'the clock strikes.',
    'the kettle hums.',
    'someone shuts the door.',
    'the floor creaks.',
    'a dog waits outside.',
  ],
  greeting: [
    '3: good {daypart}, how may i help you?',
    '2: good {daypart}, what can i do for you?',
    '2: welcome. do look around.',
    'hello, please come in.',
    'what will it be today?',
    'good {daypart}. the {item@topic} came in today.',
    'welcome back. are you looking for {item@topic}?',
    'yes, please?',
  ],
};

/** Rules that depend on a variable's value, and `daypart` as a word of its own. */
function rulesOfThings(): Rules {
  const rules: Record<string, readonly string[]> = {};
  for (const [name, { kind, place, price }] of Object.entries(things)) {
    rules[`item.${name}`] = [name];
    rules[`place.${name}`] = [place];
    rules[`corner.${name}`] = [place.replace(/^(?:by|next to|behind|near|on|under|in) /, '')];
    rules[`price.${name}`] = [price];
    rules[`attribute.${name}`] = kinds[kind].attributes;
    rules[`quantity.${name}`] = kinds[kind].quantities;
    rules[`complaint.${name}`] = kinds[kind].complaints;
  }
  for (const weather of variables.weather) rules[`weather.${weather}`] = [weather];
  for (const daypart of variables.daypart) rules[`daypart.${daypart}`] = [daypart];
  return rules;
}

/** One rule an intent and place in the dialogue: what the customer says before, in, and after it. */
function rulesOfLines(): Rules {
  const bare = new Set<string>(['weather', 'family', 'praise', 'hours', 'thank', 'complain', 'return']);
  return Object.fromEntries(
    Object.keys(intents).flatMap((intent) =>
      ['first', 'later'].map((turn) => [
        `${turn}.${intent}`,
        [`{lead.${turn}}{say.${intent}}${bare.has(intent) ? '' : '{tail}'}`],
      ]),
    ),
  );
}

/** Wherever the part of the day is named it is the dialogue's own. */
const bindDaypart = (rules: Rules): Rules =>
  Object.fromEntries(
    Object.entries(rules).map(([name, templates]) => [
      name,
      templates.map((template) => template.replaceAll('{daypart}', '{daypart@daypart}')),
    ]),
  );

/** The whole grammar, compiled once. */
export const shop: Grammar = compileGrammar(
  { ...bindDaypart({ ...customer, ...clerk, ...prompts }), ...rulesOfThings(), ...rulesOfLines() },
  marksOf,
  variables,
);
