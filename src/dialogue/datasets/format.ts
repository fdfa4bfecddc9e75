/** The interface of a data set format, which is one file and one entry in `all.ts`. A reader streams items;
 *  `loadDataset.ts` cleans, counts and deduplicates them. */
import type { Prompt } from '../types.js';

/** One usable item of a data set. */
export interface DatasetRow {
  readonly kind: 'row';
  readonly prompt: Prompt;
  /** Text that followed the prompt in the source, unchanged; null when the source has one text per item. */
  readonly continuation: string | null;
  /** Toxicity of the continuation, or of the text when there is none, in [0, 1]; null when the source gives none. */
  readonly toxicity: number | null;
  /** Name of the class that people gave the text; absent in formats that have no classes of their own. */
  readonly label?: string;
  /** File and line or item, for error messages. */
  readonly where: string;
}

/** An item left out by the rules of its format, so that it can be counted. */
export interface DroppedItem {
  readonly kind: 'dropped';
  readonly reason: 'empty' | 'removed or deleted';
}

export type DatasetItem = DatasetRow | DroppedItem;

/** An item of a file of rows, before anything is known of its form. */
export interface RowItem {
  readonly value: unknown;
  /** `file:line`, or `file, item n` inside an array, or `file, row n` of a Parquet file. */
  readonly where: string;
}

/** Called with what a reader should know and what is no error, one sentence with its place. */
export type FileNote = (note: string) => void;

/** The kinds of files that hold rows. */
export type Container = 'parquet' | 'csv' | 'json-array' | 'json-lines';

export interface ReadOptions {
  /** Number of turns kept from the end of a conversation, ≥ 1; formats without turns ignore it. */
  readonly maxTurns?: number;
  readonly onNote?: FileNote | undefined;
}

export interface DatasetFormat {
  /** One line for `gadfly list datasets`. */
  readonly summary: string;
  /** Whether prompts are cleaned of markup by default. */
  readonly cleans: boolean;
  readonly recognises: (probe: DatasetProbe) => boolean;
  /** Yields items in source order, in bounded memory where the format allows.
   *  @throws ConfigError or FormatError with file and line */
  readonly read: (path: string, options: ReadOptions) => AsyncIterable<DatasetItem>;
}

/** Facts about a path that are known before it is read. */
export type DatasetProbe =
  | { readonly kind: 'folder'; readonly path: string; readonly entries: readonly string[] }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** File extension in lower case, without the dot and without a final .gz. */
      readonly extension: string;
      /** Kind of container, by the first bytes or the name; null when these say nothing. */
      readonly container: Container | null;
      /** The first character that is no white space; empty for a Parquet file. */
      readonly firstCharacter: string;
      /** The first row of CSV and Parquet, else the first line read as JSON; undefined when there is none. */
      readonly firstValue: unknown;
    };
