/** Fields that some servers do not take, learnt from their refusals: newer hosted models want `max_completion_tokens`,
 *  others take no seed, no temperature or no top_p, and some only stream. What is learnt holds for every further
 *  request, and is said once. */
import { TargetError } from '../base/errors.js';
import { failureIn } from './failure.js';

type Fields = Readonly<Record<string, unknown>>;

export interface Quirks {
  readonly adapt: (body: Fields) => Fields;
  /** Whether the refusal names a field that can go another way, so that asking again makes sense.
   *  @param body as it was sent */
  readonly learn: (error: unknown, body: Fields) => boolean;
}

type Droppable = 'seed' | 'temperature' | 'top_p';

const notices: Readonly<Record<Droppable, string>> = {
  seed: 'the endpoint takes no seed: its replies cannot be drawn again, but those of this run are kept',
  temperature: 'the endpoint takes no temperature: it samples as it does by default',
  top_p: 'the endpoint takes no topP: it samples as it does by default',
};

/** A refusal of a field, not of its value. */
const refusesField =
  /unsupported|not (be |currently )?support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|forbidden|only the default|cannot both|deprecated|not accept|not (take|know)|invalid (field|argument|parameter)|extra (field|input|param)|not available|not implemented/i;

export function createQuirks(notice: (text: string) => void): Quirks {
  const dropped = new Set<Droppable>();
  let [renamesMaxTokens, onlyStreams] = [false, false];
  const drop = (field: Droppable, body: Fields): boolean => {
    if (!(field in body)) return false;
    notice(notices[field]);
    dropped.add(field);
    return true;
  };
  return {
    adapt: (body) => {
      const { max_tokens, ...rest } = body;
      const kept = Object.fromEntries(Object.entries(rest).filter(([name]) => !dropped.has(name as Droppable))); // Only looked up.
      return {
        ...kept,
        ...(max_tokens === undefined
          ? {}
          : { [renamesMaxTokens ? 'max_completion_tokens' : 'max_tokens']: max_tokens }),
        ...(onlyStreams ? { stream: true } : {}),
      };
    },
    learn: (error, body) => {
      const status = failureIn(error)?.status;
      if (!(error instanceof TargetError) || (status !== 400 && status !== 422)) return false;
      const said = error.details.got ?? '';
      if ('max_tokens' in body && said.includes('max_completion_tokens')) return (renamesMaxTokens = true);
      if (body['stream'] === false && /\bstream(ing)?\b/.test(said) && /\b(only|must|requires?|true)\b/i.test(said))
        return (onlyStreams = true);
      if (!refusesField.test(said)) return false;
      if (/\bseed\b/.test(said) && drop('seed', body)) return true;
      const names = { temperature: /\btemperature\b/.test(said), top_p: /\btop_?p\b/i.test(said) };
      if (names.temperature && names.top_p && /both|one of|either/i.test(said)) return drop('top_p', body);
      // A server that refuses one of the two refuses the other, too, but names the first that it meets.
      if (names.temperature) return drop('temperature', body) || drop('top_p', body);
      return names.top_p && drop('top_p', body);
    },
  };
}
