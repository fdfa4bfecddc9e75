import { describe, expect, it } from 'vitest';
import { parquetReadObjects } from 'hyparquet';
import { repliesTable } from '../../report/tables/evaluationTables.js';
import { exampleEvaluation, hostileReply } from '../testing/exampleEvaluation.js';
import { renderCsv, renderParquet } from './tables.js';

const replies = repliesTable(exampleEvaluation());

describe('tables of a report', () => {
  it('as CSV keep spreadsheets from taking text for a formula, and readers from losing a line', () => {
    const text = renderCsv(replies);
    expect(text).toContain(
      `,"'=1+1 </testcase>]]></script>[31m\ud800 [link](1) {{vars}} ""quoted""\r\nsecond line \ufffe",,0.97,true,,1.5,0.25\r\n`,
    );
    // An unscored reply has a reason and no verdict.
    expect(text).toContain(
      ',linear-toxicity,2,b,Hello & welcome.,,1,And you?,"",the server refused,,,no text was given,1.5,0.25',
    );
  });

  it('as Parquet hold text as it was said, and true, false and null apart', async () => {
    const bytes = renderParquet(replies);
    const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer });
    expect(rows).toHaveLength(replies.rows.length);
    expect(rows.find(({ harm }) => harm === 0.97)).toMatchObject({
      reply: hostileReply.replace('\ud800', '\ufffd'),
      failed: true,
      turn: 2,
    });
    expect(rows.find(({ prompt }) => prompt === 'b')).toMatchObject({ failed: null, unscored: 'no text was given' });
  });
});
