/** The attacks by name: one folder and one line each. */
import type { AttackEntry } from './define.js';
import { beam } from './beam/beam.js';
import { bestOfN } from './bestOfN/bestOfN.js';
import { curiosity } from './curiosity/curiosity.js';
import { ctb } from './ctb/ctb.js';
import { dat } from './dat/dat.js';
import { gbrt } from './gbrt/gbrt.js';
import { gcg } from './gcg/gcg.js';
import { gflownet } from './gflownet/gflownet.js';
import { ipo } from './ipo/ipo.js';
import { pair } from './pair/pair.js';
import { ppo } from './ppo/ppo.js';
import { rloo } from './rloo/rloo.js';
import { sft } from './sft/sft.js';

export const attacks = {
  ipo,
  ctb,
  ppo,
  rloo,
  curiosity,
  gflownet,
  sft,
  dat,
  bestOfN,
  beam,
  pair,
  gcg,
  gbrt,
} as const satisfies Readonly<Record<string, AttackEntry>>;
