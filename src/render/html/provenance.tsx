/** How the run was made: what a reader needs to judge and to repeat it. */
import { stringify } from 'yaml';
import type { JsonObject } from '../../base/json.js';
import { formatDuration } from '../../base/quantities.js';
import { describeMetric } from '../../report/metrics.js';
import type { ReportView } from '../../report/reportView.js';

export function Provenance({ view: { manifest } }: { view: ReportView }) {
  const { host, versions, inputs, spent } = manifest;
  const facts: readonly (readonly [string, string])[] = [
    ['Status', manifest.status],
    ['Seed', String(manifest.seed)],
    ['Started', manifest.createdAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ['Time', formatDuration(manifest.elapsedMs / 1000)],
    [
      'Versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(' · '),
    ],
    ['Machine', machineOf(host)],
    ...Object.entries(spent).map(
      ([name, amount]) => [describeMetric(name).label, amount.toLocaleString('en')] as const,
    ),
  ];
  return (
    <>
      <dl class="facts-list">
        {facts.map(([name, value]) => (
          <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {inputs.length > 0 && (
        <details>
          <summary>Inputs and their hashes</summary>
          <table class="inputs">
            <thead>
              <tr>
                <th scope="col">input</th>
                <th scope="col" class="number">
                  bytes
                </th>
                <th scope="col">sha256</th>
              </tr>
            </thead>
            <tbody>
              {inputs.map(({ name, bytes, sha256 }) => (
                <tr>
                  <td>{name}</td>
                  <td class="number">{bytes.toLocaleString('en')}</td>
                  <td>
                    <code>{sha256}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
      <details>
        <summary>The recipe, with every default</summary>
        <pre>
          <code>{stringify(manifest.configuration)}</code>
        </pre>
      </details>
    </>
  );
}

function machineOf({ processor, processors, platform, arch }: JsonObject): string {
  const parts = [processor, typeof processors === 'number' ? `${processors} processors` : null, platform, arch];
  return parts.filter((part) => typeof part === 'string').join(' · ');
}
