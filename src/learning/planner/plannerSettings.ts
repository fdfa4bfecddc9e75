/** The form of a planner: what it reads of the model that it steers, and where its tokens stand. */
import { z } from 'zod';

/** The place of the tokens. prefix: behind the start token, at the very beginning where there is none. infix: before the last utterance, at the end
 *  where nothing was said yet. suffix: at the end. */
export const tokenPositions = ['prefix', 'infix', 'suffix'] as const;

export const plannerSchema = z.object({
  /** Hash of the weights that it reads and steers. */
  model: z.string(),
  /** Channels of these. */
  width: z.int().min(1),
  /** The layer of the last token's state, as transformers lists `hidden_states`. */
  layer: z.int(),
  position: z.enum(tokenPositions),
  /** Tokens that it adds to a context. */
  tokens: z.int().min(1),
  actionWidth: z.int().min(1),
  /** Widths of the inner layers of the cloned network. */
  hidden: z.array(z.int().min(1)),
  /** How an action becomes tokens: a matrix that self-cloning learns, or the principal directions of the model's token
   *  table, which give one vector that all of the tokens are. */
  mapping: z.enum(['learned', 'pca']),
  /** Exchanges of a dialogue: the state says how many of them are left. */
  horizon: z.int().min(1),
});

export type PlannerSettings = Readonly<z.infer<typeof plannerSchema>>;

/** Channels of a state: the model's, and the share of exchanges that are left. Since the state says when a dialogue ends,
 *  its end is a true terminal. */
export function stateWidth({ width }: Pick<PlannerSettings, 'width'>): number {
  return width + 1;
}
