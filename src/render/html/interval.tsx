/** The interval of a figure, below it. Equal bounds say that none can be given, and show nothing. */
import { formatMetric } from '../../report/metrics.js';

export function Interval({ metric, of: { low, high } }: { metric: string; of: { low: number; high: number } }) {
  if (low === high) return null;
  return (
    <small class="interval">
      {formatMetric(metric, low)} – {formatMetric(metric, high)}
    </small>
  );
}
