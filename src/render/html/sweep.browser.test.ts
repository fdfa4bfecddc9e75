import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium, openPage, type OpenOptions, type WatchedPage } from '../../../tests/browser/chromium.js';
import { exampleSweep, exampleSweeps } from '../testing/exampleSweep.js';
import { renderSweepHtml } from './renderHtml.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-sweep-'));

let browser: Browser;

const open = (name: string, options: OpenOptions = {}): Promise<WatchedPage> =>
  openPage(browser, pathToFileURL(join(folder, `${name}.html`)).href, options);

beforeAll(async () => {
  for (const [name, sweep] of Object.entries(exampleSweeps))
    writeFileSync(join(folder, `${name}.html`), renderSweepHtml(exampleSweep(sweep)));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
});

describe('sweep.html in a browser', () => {
  it('loads without a complaint, asks nobody for anything but itself, and changes its theme', async () => {
    const { page, trouble, requests } = await open('twoNumbers');
    const paper = (): Promise<unknown> => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const light = await paper();
    await page.click('#theme');
    expect(await paper()).not.toBe(light);
    expect(trouble).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([
      pathToFileURL(join(folder, 'twoNumbers.html')).href,
    ]);
    await page.close();
  });

  it.each(Object.keys(exampleSweeps))(
    '%s: fits a telephone, and no label of a chart leaves its drawing or covers another',
    async (name) => {
      for (const width of [360, 1180]) {
        const { page } = await open(name, { width });
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
        expect(await page.evaluate(labelTrouble)).toEqual([]);
        await page.close();
      }
    },
  );

  it('a link leads to the report of its point', async () => {
    const { page } = await open('names');
    const links = await page
      .locator('a[href$="report.html"]')
      .evaluateAll((all) => all.map((link) => decodeURIComponent(link.getAttribute('href') ?? '')));
    expect(links[0]).toBe('./01-form=joint,seed=0/report.html');
    expect(links).toHaveLength(6);
    await page.close();
  });
});

/** Runs in the page: labels outside their drawing, and axis labels that lie on each other. */
const labelTrouble = `(() => {
  const trouble = [];
  for (const svg of document.querySelectorAll('.chart svg')) {
    const frame = svg.getBoundingClientRect();
    const labels = [...svg.querySelectorAll('text')].map((text) => ({ text: text.textContent.trim(), box: text.getBoundingClientRect() }));
    for (const { text, box } of labels) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1) trouble.push('outside: ' + text);
    }
    for (const [i, a] of labels.entries()) {
      for (const b of labels.slice(i + 1)) {
        const apart = a.box.right <= b.box.left || b.box.right <= a.box.left || a.box.bottom - 3 <= b.box.top || b.box.bottom - 3 <= a.box.top;
        if (!apart) trouble.push('overlap: ' + a.text + ' and ' + b.text);
      }
    }
  }
  return trouble;
})()`;
