/** The parts used here of two libraries whose own types do not resolve: their packages are ES modules, their
 *  declarations import each other without file extensions, which TypeScript's NodeNext resolution refuses (TS2834,
 *  hidden by skipLibCheck), so that everything imported from them would silently be unchecked. Declared by hand from
 *  @huggingface/tokenizers 0.2.0 and @huggingface/jinja 0.5.11; compare again when package.json moves to other
 *  versions, and delete this file when they ship declarations that resolve. */

declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    /** @throws Error for rules that it does not know */
    constructor(tokenizerJson: object, tokenizerConfig: object);
    /** The step; null for a tokenizer without it. */
    readonly normalizer: ((text: string) => string) | null;
    readonly pre_tokenizer: ((text: string, options: { readonly section_index: number }) => readonly string[]) | null;
    readonly model: {
      (pieces: readonly string[]): readonly string[];
      readonly tokens_to_ids: ReadonlyMap<string, number>;
      readonly unk_token_id: number | undefined;
    };
    readonly post_processor:
      | ((tokens: readonly string[], pair: null, addSpecialTokens: boolean) => { readonly tokens: readonly string[] })
      | null;
    readonly added_tokens_map: ReadonlyMap<string, { readonly id: number }>;
    /** @throws Error for an empty list */
    decode(
      ids: number[],
      options?: { readonly skip_special_tokens?: boolean; readonly clean_up_tokenization_spaces?: boolean },
    ): string;
  }
}

declare module '@huggingface/jinja' {
  export interface Token {
    readonly type: string;
    readonly value: string;
  }
  export interface Program {
    readonly type: string;
    readonly body: readonly unknown[];
  }
  /** @throws SyntaxError */
  export function tokenize(
    source: string,
    options?: { readonly trim_blocks?: boolean; readonly lstrip_blocks?: boolean },
  ): Token[];
  /** @throws SyntaxError */
  export function parse(tokens: Token[]): Program;
  /** A value within the template: a text, a number, a list or mapping of values … */
  export interface Value {
    readonly type: string;
    readonly value: unknown;
  }
  export class Environment {
    constructor(parent?: Environment);
    /** Names a value for the template. A plain JavaScript value is converted; a function takes and gives plain values.
     */
    set(name: string, value: unknown): unknown;
  }
  export class Interpreter {
    constructor(environment: Environment);
    /** @throws Error, also whatever a function that the template calls throws */
    run(program: Program): { readonly value: unknown };
    evaluate(statement: unknown, environment: Environment): Value;
    /** Every block of a template goes through it. */
    evaluateBlock: (statements: Program['body'], environment: Environment) => Value;
  }
  export {};
}
