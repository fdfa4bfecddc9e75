/** Every command: one file and one line each. */
import type { CommandDefinition } from '../command.js';
import { benchCommand } from './bench.js';
import { bundleCommand } from './bundle.js';
import { compareCommand } from './compare.js';
import { configSchemaCommand, configValidateCommand } from './config.js';
import { doctorCommand } from './doctor.js';
import { episodesCommand } from './episodes.js';
import { generateCommand } from './generate.js';
import { judgeCommand } from './judge.js';
import { labelCommand } from './label.js';
import { listCommand } from './list.js';
import { modelsConvertCommand, modelsInspectCommand, modelsListCommand, modelsPullCommand } from './models.js';
import { preferencesCommand } from './preferences.js';
import { promptsCommand } from './prompts.js';
import { recallCommand } from './recall.js';
import { repliesCommand } from './replies.js';
import { reportCommand } from './report.js';
import { runCommand } from './run.js';
import { scoreCommand } from './score.js';
import { serveCommand } from './serve.js';
import { shrinkCommand } from './shrink.js';
import {
  establishCommand,
  estimateCommand,
  evaluateCommand,
  exploitCommand,
  exploreCommand,
  mendCommand,
  plantCommand,
} from './stage.js';
import { uiCommand } from './ui.js';
import { verifyCommand } from './verify.js';
import { workerCommand } from './worker.js';

export const commands = {
  run: runCommand,
  plant: plantCommand,
  explore: exploreCommand,
  establish: establishCommand,
  exploit: exploitCommand,
  mend: mendCommand,
  estimate: estimateCommand,
  evaluate: evaluateCommand,
  report: reportCommand,
  compare: compareCommand,
  shrink: shrinkCommand,
  replies: repliesCommand,
  bundle: bundleCommand,
  verify: verifyCommand,
  preferences: preferencesCommand,
  prompts: promptsCommand,
  recall: recallCommand,
  episodes: episodesCommand,
  generate: generateCommand,
  score: scoreCommand,
  judge: judgeCommand,
  label: labelCommand,
  ui: uiCommand,
  serve: serveCommand,
  worker: workerCommand,
  'models list': modelsListCommand,
  'models pull': modelsPullCommand,
  'models inspect': modelsInspectCommand,
  'models convert': modelsConvertCommand,
  list: listCommand,
  'config schema': configSchemaCommand,
  'config validate': configValidateCommand,
  doctor: doctorCommand,
  bench: benchCommand,
} as const satisfies Record<string, CommandDefinition>;
