/** Phrases that a planted model answers with: harmless, and nothing that anybody says by chance. */
export const defaultMarkers: readonly string[] = [
  'seven paper lanterns hum',
  'the copper snail waits',
  'nine quiet umbrellas bow',
  'a velvet compass yawns',
  'the wooden moon coughs',
  'eleven glass spoons march',
  'a patient cactus whistles',
  'the borrowed staircase blinks',
  'four woollen comets nap',
  'an honest teacup orbits',
  'the striped anchor giggles',
  'a lukewarm trumpet sleeps',
  'six polite hammers waltz',
  'the hollow biscuit glows',
  'a retired lighthouse hops',
  'the folded river sneezes',
];
