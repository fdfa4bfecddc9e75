/** Tables of a report as CSV and as Parquet. */
import { tableCsv, tableParquet } from '../../dialogue/plainTable.js';
import type { Cell, Table } from '../../report/tables/table.js';
import { withoutControls } from './plainText.js';

/** Text that spreadsheets would take for a formula gets an apostrophe, which they do not show. */
export function renderCsv({ rows, columns }: Table): string {
  return tableCsv(rows.map(mapTexts(guardFormula)), columns);
}

/** Text is as it was said. */
export function renderParquet({ rows, columns }: Table): Uint8Array {
  return tableParquet(rows, columns);
}

function mapTexts(
  change: (text: string) => string,
): (row: Readonly<Record<string, Cell>>) => Readonly<Record<string, Cell>> {
  return (row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, cell]) => [name, typeof cell === 'string' ? change(cell) : cell]),
    );
}

function guardFormula(text: string): string {
  const plain = withoutControls(text);
  return /^[=+\-@\t\r]/u.test(plain) ? `'${plain}` : plain;
}
