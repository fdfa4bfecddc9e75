/** Paired rollout (arXiv 2407.09447, algorithm 1): at every node the adversary speaks `candidates` times, the target
 *  replies to each, and the rollout goes on after the best and the worst. Horizon H with two candidates gives
 *  2^H − 1 sibling pairs per prompt. All nodes of a depth, over all prompts, form one batch.
 *
 *  Differs from the paper: more than two candidates are allowed (the extremes by reward form the pair), and a branch
 *  rule can keep one branch, which makes the tree grow linearly with the horizon. */
import { invariant, present } from '../../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../../base/random.js';
import { bestFirst } from '../pairs.js';
import type { Prompt, RolloutNode, RolloutTree } from '../types.js';
import { branchKey, openStems, playExchanges, type Exchange, type RolloutCast, type Stem } from './exchange.js';

/** The siblings that the rollout goes on after: both members of the pair, the better one, one of them by draw, or a
 *  number: the best, the worst, then the others by reward ('both' is 2, 'best' is 1). */
export type BranchRule = 'both' | 'best' | 'random' | number;

export interface PairedRolloutOptions extends RolloutCast {
  readonly prompts: readonly Prompt[];
  /** Exchanges from root to leaf, ≥ 1. */
  readonly horizon: number;
  /** Utterances per node, ≥ 1; default 2. One makes dialogues without siblings. */
  readonly candidates?: number;
  /** Default 'both', as in the paper. */
  readonly branch?: BranchRule;
  readonly stream: StreamKey;
  /** How often each prompt stands in an earlier part of the same list, by id; default never. */
  readonly seen?: Readonly<Record<string, number>>;
}

/** A node under construction: its children come one depth later. */
interface Draft extends Exchange {
  readonly stream: StreamKey;
  children: readonly Draft[];
}

/** Plays one tree per prompt, in order. */
export async function rolloutPaired(options: PairedRolloutOptions): Promise<readonly RolloutTree[]> {
  const { horizon, candidates = 2, branch = 'both' } = options;
  invariant(Number.isInteger(horizon) && horizon >= 1, 'a paired rollout has a horizon of at least 1');
  invariant(Number.isInteger(candidates) && candidates >= 1, 'a rollout has at least one candidate');
  invariant(
    typeof branch === 'string' || (Number.isInteger(branch) && branch >= 1),
    'a paired rollout goes on after at least one sibling',
  );

  const roots = await growSiblings(
    openStems(options.prompts, options.stream, options.seen),
    { candidates, goesOn: horizon > 1 },
    options,
  );
  let families = roots;
  for (let depth = 2; depth <= horizon; depth++) {
    const open = families.flatMap((family) => continued(family, branch));
    const grown = await growSiblings(open, { candidates, goesOn: depth < horizon }, options);
    for (const [i, draft] of open.entries()) draft.children = present(grown[i], 'children of each open node');
    families = grown;
  }
  return options.prompts.map((prompt, i) => ({
    prompt,
    roots: present(roots[i], 'roots of each tree').map((draft) => finish(draft, 1)),
  }));
}

/** Grows `candidates` siblings after each stem, in one batch. */
async function growSiblings(
  stems: readonly Stem[],
  { candidates, goesOn }: { readonly candidates: number; readonly goesOn: boolean },
  cast: RolloutCast,
): Promise<readonly (readonly Draft[])[]> {
  const siblings = stems.flatMap(({ dialogue, stream }) =>
    Array.from({ length: candidates }, (_, k): Stem => ({ dialogue, stream: childKey(stream, k), goesOn })),
  );
  const exchanges = await playExchanges(siblings, cast);
  const drafts = exchanges.map((exchange, i): Draft => ({
    ...exchange,
    stream: present(siblings[i], 'a stem for each exchange').stream,
    children: [],
  }));
  return stems.map((_, i) => drafts.slice(i * candidates, (i + 1) * candidates));
}

/** Returns the siblings to go on after, by the branch rule. */
function continued(family: readonly Draft[], branch: BranchRule): readonly Draft[] {
  const ordered = bestFirst(family);
  const first = present(family[0], 'a family has members');
  const extremesFirst = [...ordered.slice(0, 1), ...ordered.slice(1).slice(-1), ...ordered.slice(1, -1)];
  switch (branch) {
    case 'both':
      return extremesFirst.slice(0, 2);
    case 'best':
      return extremesFirst.slice(0, 1);
    case 'random':
      return [openStream(branchKey(first.stream)).pick(extremesFirst.slice(0, 2))];
    default:
      return extremesFirst.slice(0, branch);
  }
}

function finish(draft: Draft, depth: number): RolloutNode {
  return {
    dialogue: draft.dialogue,
    depth,
    score: draft.score,
    children: draft.children.map((child) => finish(child, depth + 1)),
  };
}

/** Returns every node of a tree, parents before children. */
export function treeNodes(tree: RolloutTree): readonly RolloutNode[] {
  const walk = (node: RolloutNode): RolloutNode[] => [node, ...node.children.flatMap(walk)];
  return tree.roots.flatMap(walk);
}
