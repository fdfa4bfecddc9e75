/** Figures in words. */
import type { Interval, MetricFacts } from '../../src/server/runs/protocol.js';

export function amount(value: number): string {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  return value.toLocaleString('en', { maximumFractionDigits: 2 });
}

/** A value of a curve or a table: four digits, a true minus. */
export function figure(value: number): string {
  const size = Math.abs(value);
  const digits = size !== 0 && (size < 0.001 || size >= 1e6) ? value.toExponential(2) : trimmed(value, size);
  return digits.replace('-', '−');
}

function trimmed(value: number, size: number): string {
  return size >= 1000
    ? value.toFixed(0)
    : size >= 100
      ? value.toFixed(1)
      : size >= 10
        ? value.toFixed(2)
        : value.toFixed(3);
}

export function percent(value: number): string {
  return `${(100 * value).toFixed(1)}%`.replace('-', '−');
}

/** A value of a metric; shares in percent. */
export function metricText(value: number, unit: string | undefined): string {
  return unit === 'share' ? percent(value) : figure(value);
}

export function intervalText({ low, high }: Interval, unit: string | undefined): string {
  return low === high ? '' : `${metricText(low, unit)} to ${metricText(high, unit)}`;
}

/** A difference with its sign, in percentage points for shares. */
export function changeText(value: number, unit: string | undefined): string {
  const text = unit === 'share' ? `${(100 * value).toFixed(1)} pp` : figure(value);
  return value > 0 ? `+${text}` : text.replace('-', '−');
}

export function changeInterval({ low, high }: Interval, unit: string | undefined): string {
  return low === high ? '' : `${changeText(low, unit)} to ${changeText(high, unit)}`;
}

/** '1 h 12 min' */
export function duration(seconds: number): string {
  if (seconds < 90) return `${String(Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${String(minutes)} min`;
  return `${String(Math.floor(minutes / 60))} h ${String(minutes % 60)} min`;
}

/** '30 Nov, 09:22' in the time of this machine. */
export function moment(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '–';
  return date.toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}

export function countOf(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** 'targetReplies' as 'target replies'. */
export function inWords(name: string): string {
  return name
    .replaceAll(/([a-z])([A-Z0-9])/g, '$1 $2')
    .replaceAll(/[/_-]/g, ' ')
    .toLowerCase();
}

export function arrow(facts: MetricFacts | undefined): string {
  return facts === undefined || facts.better === 'neither' ? '' : facts.better === 'lower' ? ' ↓' : ' ↑';
}
