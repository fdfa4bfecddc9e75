/** How the run was made: what a reader needs to judge and to repeat it. */
import { stringify } from 'yaml';
import { formatDuration } from '../../runs/quantities.js';
import type { ReportView } from './reportView.js';

export function Provenance({ view: { manifest, report } }: { view: ReportView }) {
  const { host, versions, inputs, spent } = manifest;
  const facts: readonly (readonly [string, string])[] = [
    ['Seed', String(manifest.seed)],
    ['Started', manifest.createdAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ['Time', formatDuration(manifest.elapsedMs / 1000)],
    ['Versions', Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(' · ')],
    ['Machine', [host['processor'], `${String(host['processors'])} processors`, host['platform'], host['arch']].filter((value) => value !== undefined).map(String).join(' · ')],
    ...Object.entries(spent).map(([name, amount]) => [name.charAt(0).toUpperCase() + name.slice(1), amount.toLocaleString('en')] as const),
  ];
  const scalars = Object.entries(report.run).filter(([key, value]) => (typeof value === 'string' || typeof value === 'number') && !['name', 'seed', 'status'].includes(key));
  return (
    <>
      <dl class="facts-list">
        {[...facts, ...scalars.map(([key, value]) => [key, String(value)] as const)].map(([name, value]) => (
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
