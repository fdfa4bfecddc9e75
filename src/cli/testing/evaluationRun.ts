/** A run directory with an evaluation, for the tests of `gadfly report`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EvaluationView } from '../../report/evaluation.js';
import { unitKey } from '../../runs/units.js';

/** Writes a run directory that holds an evaluation, beside a recipe that is not there. */
export function writeEvaluationRun(path: string, { manifest, report, dialogues }: EvaluationView): void {
  mkdirSync(path);
  const source = { file: join(dirname(path), 'recipe.yaml'), folder: dirname(path) };
  writeFileSync(join(path, 'manifest.json'), JSON.stringify({ ...manifest, source }));
  writeFileSync(join(path, 'report.json'), JSON.stringify(report));
  const lines = dialogues.map(({ row, number: _number, ...dialogue }) =>
    JSON.stringify({ stage: unitKey({ kind: 'evaluateRow', row }), ...dialogue }),
  );
  const training = JSON.stringify({ stage: 'exploit:ipo', prompt: {}, turns: [], scores: {} });
  writeFileSync(join(path, 'rollouts.jsonl'), [training, ...lines, ''].join('\n'));
  writeFileSync(join(path, 'metrics.jsonl'), '');
}
