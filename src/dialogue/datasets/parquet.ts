/** Reads the rows of a Parquet file, one row group at a time, as JSON values, through hyparquet; hyparquet-compressors
 *  unpacks zstd, gzip, brotli and lz4. */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { FormatError } from '../../base/errors.js';
import type { RowItem } from './format.js';

/** Yields the rows of a file.
 *  @param columns those to read; columns that the file lacks are left out; null reads all
 *  @throws FormatError for a file that is no Parquet, is damaged, or is compressed in another way */
export async function* readParquet(path: string, columns: readonly string[] | null): AsyncGenerator<RowItem> {
  const file = await asyncBufferFromFile(path);
  const metadata = await readable(path, () => parquetMetadataAsync(file));
  const [root, ...elements] = metadata.schema;
  const names = topLevelNames(elements, root?.num_children ?? 0);
  const wanted = columns === null ? [...names] : columns.filter((name) => names.includes(name));
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const from = start;
    const rows = await readable(path, () =>
      parquetReadObjects({ file, metadata, rowStart: from, rowEnd: end, columns: wanted, compressors }),
    );
    for (const [i, value] of rows.entries())
      yield { value: jsonValueOf(value), where: `${path}, row ${String(start + i + 1)}` };
    start = end;
  }
}

/** Returns the value as a JSON file would hold it: integers of 64 bits are numbers, or text where a number cannot hold them; NaN is null;
 *  dates are ISO text. */
function jsonValueOf(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(jsonValueOf);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonValueOf(each)]));
}

/** The schema is a tree in depth-first order. */
function topLevelNames(
  elements: readonly { readonly name: string; readonly num_children?: number }[],
  count: number,
): readonly string[] {
  const names: string[] = [];
  let at = 0;
  const skip = (): void => {
    const children = elements[at]?.num_children ?? 0;
    at++;
    for (let i = 0; i < children; i++) skip();
  };
  for (let i = 0; i < count; i++) {
    names.push(elements[at]?.name ?? '');
    skip();
  }
  return names;
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new FormatError('This Parquet file cannot be read', {
      where: path,
      expected: 'Parquet, without compression or in Snappy, zstd, gzip, brotli or lz4',
      got: cause instanceof Error ? cause.message : String(cause),
      remedy:
        'Write it as JSON lines: datasets.load_dataset("parquet", data_files=FILE)["train"].to_json("out.jsonl").',
      cause,
    });
  }
}
