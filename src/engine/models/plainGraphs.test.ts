/** Graphs without soft rows are what they were before there were any, byte by byte: tests/golden/plainGraphs.json holds
 *  the SHA-256 of each. A change that is meant to alter the graphs of every call writes the file anew (`vitest -u`). */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../tensor/differentiate.js';
import { finishGraph, type Graph } from '../tensor/graph.js';
import { toOnnx } from '../tensor/onnx.js';
import { reduceSum } from '../tensor/ops/all.js';
import { createTrace } from '../tensor/trace.js';
import { architectureOf } from './all.js';
import type { Architecture } from './family.js';
import { inferenceGraph } from './inferenceGraph.js';
import { languageModelParameters, traceParameters } from './parameters.js';
import { goldenFolder, languageVariants, readGolden } from './testing/goldenModels.js';
import { traceTexts } from './textBatch.js';
import { traceTokenLogProbs } from './tokenLogProbs.js';

const hash = (graph: Graph): string => createHash('sha256').update(toOnnx(graph)).digest('hex').slice(0, 32);

function trainingGraph(architecture: Architecture): Graph {
  const trace = createTrace();
  const logProbs_N = traceTokenLogProbs(architecture, {
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    rows_N: trace.input('rows', 'i64', ['N']),
    targets_N: trace.input('targets', 'i64', ['N']),
    attention: { kind: 'causal' },
  });
  const loss = reduceSum(logProbs_N, [0]);
  const parameters = [...traceParameters(languageModelParameters(architecture), trace).values()];
  const gradients = [...differentiate(loss, parameters).values()].flatMap(({ dense, rows }) => [
    ...(dense === null ? [] : [dense]),
    ...rows.flatMap((part) => [part.ids, part.rows]),
  ]);
  return finishGraph(trace, { loss, ...Object.fromEntries(gradients.map((value, i) => [`gradient ${i}`, value])) });
}

function stateGraph(architecture: Architecture): Graph {
  const trace = createTrace();
  const { pooled_BC } = traceTexts(trace, { ...architecture, reads: 'leftToRight' }, { pooling: 'last', layer: -1 });
  return finishGraph(trace, { vectors: pooled_BC });
}

describe('graphs that read no soft rows', () => {
  it('are those of before, of every decoder, in generation, training and states', async () => {
    const hashes = Object.fromEntries(
      [...languageVariants].sort().map((variant) => {
        const architecture = architectureOf(readGolden(variant).config, 'language', variant);
        return [
          variant,
          {
            generation: hash(inferenceGraph(architecture)),
            training: hash(trainingGraph(architecture)),
            states: hash(stateGraph(architecture)),
          },
        ];
      }),
    );
    await expect(`${JSON.stringify(hashes, null, 2)}\n`).toMatchFileSnapshot(join(goldenFolder, '../plainGraphs.json'));
  });
});
