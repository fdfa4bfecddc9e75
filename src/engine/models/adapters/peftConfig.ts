/** adapter_config.json of PEFT: which of its settings we compute, and the refusal by name of those we do not.
 *  Source: PEFT 0.21 `LoraConfig`. */
import { ConfigError, FormatError } from '../../../base/errors.js';
import { isRecord } from '../checkpoints/jsonFile.js';
import type { LoraConfig } from './lora.js';

export interface PeftConfig extends LoraConfig {
  /** base_model_name_or_path, as it is written; null when it is not. */
  readonly base: string | null;
  /** CAUSAL_LM, SEQ_CLS, … */
  readonly taskType: string | null;
  /** Modules of the base that the file has whole: a classifier's head. */
  readonly wholeModules: readonly string[];
}

/** Settings that change nothing of what an adapter computes once its weights are there. */
const withoutEffect = new Set([
  'peft_type',
  'task_type',
  'auto_mapping',
  'peft_version',
  'base_model_name_or_path',
  'revision',
  'inference_mode',
  'r',
  'target_modules',
  'exclude_modules',
  'lora_alpha',
  'lora_dropout',
  'fan_in_fan_out',
  'bias',
  'use_rslora',
  'init_lora_weights',
  'layers_to_transform',
  'layers_pattern',
  'megatron_core',
  'loftq_config',
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'qalora_group_size',
  'runtime_config',
  'ensure_weight_tying',
]);

/** Modules that PEFT saves beside an adapter of a sequence classifier, whether the model has them or not. */
const classifierHeads: readonly string[] = ['classifier', 'score', 'pre_classifier'];

/** Ways of PEFT to start an adapter that leave the base as it is. */
const plainStarts: readonly unknown[] = [true, false, 'gaussian', 'orthogonal', 'eva', undefined, null];

/** @throws FormatError when it is not PEFT's, ConfigError naming a setting that is not computed here */
export function parsePeftConfig(value: unknown, where: string): PeftConfig {
  if (!isRecord(value)) throw new FormatError('not a JSON object', { where });
  const {
    peft_type: type,
    r: rank,
    lora_alpha: alpha = 8,
    target_modules: targets,
    use_rslora: rsLora = false,
  } = value;
  if (type !== 'LORA') refuse(where, 'peft_type', type, 'LORA');
  if (value['bias'] !== undefined && value['bias'] !== 'none') refuse(where, 'bias', value['bias'], 'none');
  if (!plainStarts.includes(value['init_lora_weights'])) {
    refuse(
      where,
      'init_lora_weights',
      value['init_lora_weights'],
      'a start that leaves the base weights as they are',
      convertPissa,
    );
  }
  const wholeModules = value['modules_to_save'] ?? [];
  const isHead = (module: unknown): boolean => typeof module === 'string' && classifierHeads.includes(module);
  const hasHead = value['task_type'] === 'SEQ_CLS' && Array.isArray(wholeModules) && wholeModules.every(isHead);
  for (const [name, setting] of Object.entries(value)) {
    if (name === 'modules_to_save' && hasHead) continue;
    if (!withoutEffect.has(name) && isSet(setting)) refuse(where, name, setting, 'not set');
  }
  if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 1)
    throw new FormatError('the rank is missing', {
      where,
      expected: 'r, an integer ≥ 1',
      got: JSON.stringify(rank) ?? 'nothing',
    });
  if (typeof alpha !== 'number' || !Number.isFinite(alpha))
    throw new FormatError('alpha is not a number', { where, expected: 'lora_alpha', got: JSON.stringify(alpha) });
  return {
    rank,
    alpha,
    rsLora: rsLora === true,
    targetModules: isTexts(targets) ? targets : typeof targets === 'string' ? targets : 'all-linear',
    base: textOf(value['base_model_name_or_path']),
    taskType: textOf(value['task_type']),
    wholeModules: isTexts(wholeModules) ? wholeModules : [],
  };
}

const convertPissa =
  'Save it with save_pretrained(..., path_initial_model_for_weight_conversion=...), which makes a plain adapter of it.';

function refuse(
  where: string,
  name: string,
  setting: unknown,
  expected: string,
  remedy = 'Merge it with PEFT (merge_and_unload) and use the merged model.',
): never {
  throw new ConfigError(`adapters with ${name} are not supported`, {
    where,
    expected: `${name}: ${expected}`,
    got: JSON.stringify(setting) ?? 'nothing',
    remedy,
  });
}

/** PEFT writes null, false, an empty list or an empty object where a setting is off. */
function isSet(setting: unknown): boolean {
  if (setting === null || setting === undefined || setting === false) return false;
  if (Array.isArray(setting)) return setting.length > 0;
  return !isRecord(setting) || Object.keys(setting).length > 0;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Patterns and 'all-linear' as names, for readers that know neither; by their ends where those meet no map of a head.
 */
function spelledOut(targets: readonly string[] | string, maps: readonly string[], hasHead: boolean): readonly string[] {
  if (typeof targets !== 'string') return targets;
  return targets === 'all-linear' && !hasHead
    ? [...new Set(maps.map((name) => name.slice(name.lastIndexOf('.') + 1)))]
    : maps;
}

/** Returns the configuration that PEFT loads. @param maps names of the adapted linear maps */
export function peftConfigJson(
  { rank, alpha, rsLora, targetModules }: LoraConfig,
  {
    base,
    maps,
    whole,
    hasInOut,
  }: {
    readonly base: string;
    readonly maps: readonly string[];
    readonly whole: readonly string[];
    readonly hasInOut: boolean;
  },
): Readonly<Record<string, unknown>> {
  const heads = [...new Set(whole.map((name) => name.slice(0, name.lastIndexOf('.'))))];
  return {
    peft_type: 'LORA',
    task_type: heads.length === 0 ? 'CAUSAL_LM' : 'SEQ_CLS',
    base_model_name_or_path: base,
    revision: null,
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    use_rslora: rsLora,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: hasInOut,
    init_lora_weights: true,
    target_modules: spelledOut(targetModules, maps, heads.length > 0),
    modules_to_save: heads.length === 0 ? null : heads,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
    use_dora: false,
  };
}
