/** Reads the rows of a Parquet file, one row group at a time, through hyparquet, with Snappy as its only compression.
 */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { FormatError } from '../../base/errors.js';
import type { JsonItem } from './json.js';

/** Yields the rows of a file.
 *  @param columns those to read; columns that the file lacks are left out
 *  @throws FormatError for a file that is no Parquet, is damaged, or is compressed in another way */
export async function* readParquet(path: string, columns: readonly string[]): AsyncGenerator<JsonItem> {
  const file = await asyncBufferFromFile(path);
  const metadata = await readable(path, () => parquetMetadataAsync(file));
  const [root, ...elements] = metadata.schema;
  const names = topLevelNames(elements, root?.num_children ?? 0);
  const wanted = columns.filter((name) => names.includes(name));
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const from = start;
    const rows = await readable(path, () =>
      parquetReadObjects({ file, metadata, rowStart: from, rowEnd: end, columns: wanted }),
    );
    for (const [i, value] of rows.entries()) yield { value, where: `${path}, row ${String(start + i + 1)}` };
    start = end;
  }
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
      expected: 'Parquet, Snappy or without compression',
      got: cause instanceof Error ? cause.message : String(cause),
      remedy:
        'Write it as JSON lines: datasets.load_dataset("parquet", data_files=FILE)["train"].to_json("out.jsonl").',
      cause,
    });
  }
}
