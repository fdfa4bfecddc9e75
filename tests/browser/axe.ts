/** axe-core in a page of a real browser: what a screen reader, a keyboard or weak eyes would stumble over. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../src/base/packageRoot.js';

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Returns what axe-core (WCAG 2.2 A and AA, and its best practices) objects to, a line per rule and element. */
export async function accessFaults(page: Page): Promise<readonly string[]> {
  // The page's policy forbids script elements from elsewhere; the browser's own console is not bound by it.
  await page.evaluate(readFileSync(join(packageRoot(), 'node_modules', 'axe-core', 'axe.min.js'), 'utf8'));
  const violations = await page.evaluate<readonly Violation[]>(
    'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)',
  );
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 120)}`));
}
