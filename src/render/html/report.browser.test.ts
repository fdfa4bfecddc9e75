import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  launchChromium,
  lowContrasts,
  openPage,
  type OpenOptions,
  type WatchedPage,
} from '../../../tests/browser/chromium.js';
import { exampleMendView, mendedReply } from '../testing/exampleMendView.js';
import { exampleExploreView } from '../testing/exampleClusters.js';
import { exampleView } from '../testing/exampleView.js';
import { renderHtml } from './renderHtml.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-report-'));
const file = join(folder, 'report.html');
const mendFile = join(folder, 'mend.html');
const exploreFile = join(folder, 'explore.html');

let browser: Browser;

interface ReportOptions extends OpenOptions {
  /** Default: the report of one attack. */
  readonly file?: string;
}

const open = ({ file: shown = file, ...options }: ReportOptions = {}): Promise<WatchedPage> =>
  openPage(browser, pathToFileURL(shown).href, options);

const visibleText = (page: Page): Promise<string> => page.locator('body').innerText();

beforeAll(async () => {
  writeFileSync(file, renderHtml(exampleView()));
  writeFileSync(mendFile, renderHtml(exampleMendView()));
  writeFileSync(exploreFile, renderHtml(exampleExploreView()));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
});

describe('report.html in a browser', () => {
  it('loads without a complaint and asks nobody for anything but itself', async () => {
    const { page, trouble, requests } = await open();
    await page.click('#reveal-all');
    await page.click('#theme');
    expect(trouble).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(file).href]);
    expect(await page.title()).toBe('ast-smollm2 – Gadfly report');
    await page.close();
  });

  it('model text cannot be read or searched before it is asked for, and can be covered again', async () => {
    const { page } = await open();
    expect(await page.evaluate('window.find("zanzibar") || window.find("quokka") || window.find("neighbour")')).toBe(
      false,
    );
    await page.locator('article.sample button.reveal').first().click();
    expect(await visibleText(page)).toContain('zanzibar');
    expect(await page.evaluate('window.find("zanzibar")')).toBe(true);
    expect(await page.locator('article.sample').nth(1).innerText()).not.toContain('zanzibar');
    await page.locator('article.sample button.reveal').first().click();
    expect(
      await page.evaluate('document.body.textContent.replace(document.getElementById("veiled").textContent, "")'),
    ).not.toContain('zanzibar');
    await page.close();
  });

  it('one button shows all dialogues and the words behind verdicts, and covers them again', async () => {
    const { page } = await open();
    await page.click('#reveal-all');
    expect(await page.locator('article.sample .cover').count()).toBe(0);
    expect(await page.locator('.word-tables').innerText()).toContain('quokka');
    expect(await page.getAttribute('#reveal-all', 'aria-pressed')).toBe('true');
    await page.click('#reveal-all');
    expect(await visibleText(page)).not.toContain('quokka');
    await page.close();
  });

  it('markup in model text stays text', async () => {
    const { page } = await open();
    await page.click('#reveal-all');
    expect(await page.locator('article.sample img, article.sample b').count()).toBe(0);
    expect(await page.locator('article.sample').first().innerText()).toContain('</script><img src=x onerror=');
    expect(await page.title()).not.toBe('broken');
    await page.close();
  });

  it('every text reaches a contrast of 4.5 in light and dark, by system and by button', async () => {
    for (const [colorScheme, shown] of [
      ['light', file],
      ['dark', file],
      ['light', mendFile],
      ['dark', mendFile],
      ['dark', exploreFile],
      ['light', exploreFile],
    ] as const) {
      const { page } = await open({ colorScheme, file: shown });
      await page.click('#reveal-all');
      await page.evaluate('document.querySelectorAll("details").forEach((details) => { details.open = true; })');
      for (let round = 0; round < 2; round++) {
        const { low, examined } = await page.evaluate<{ low: string[]; examined: number }>(lowContrasts);
        expect(low).toEqual([]);
        expect(examined).toBeGreaterThan(300);
        await page.click('#theme');
      }
      await page.close();
    }
  });

  it('the button overrides the system’s theme', async () => {
    const { page } = await open({ colorScheme: 'dark' });
    const paper = (): Promise<unknown> => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const dark = await paper();
    expect(await page.innerText('#theme')).toBe('Light');
    await page.click('#theme');
    expect(await paper()).not.toBe(dark);
    await page.close();
  });

  it('fits a telephone without scrolling sideways, and paper', async () => {
    const { page } = await open({ width: 360 });
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('#theme').isVisible()).toBe(false);
    await page.close();
  });

  it('the map opens the card of a cluster by pointer and by keyboard, its text covered until asked for', async () => {
    const { page, trouble } = await open({ file: exploreFile });
    const shown = page.locator('.cluster-cards > article:visible');
    expect(await shown.count()).toBe(0);
    expect(await page.locator('.cluster-cards .hint').isVisible()).toBe(true);
    // One stop of the tab key, then arrows; the largest cluster is the first.
    expect(await page.locator('.cluster-map a[tabindex="0"]').count()).toBe(1);
    await page.locator('.cluster-map a').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    expect(await shown.count()).toBe(1);
    expect(await shown.innerText()).toContain('Cluster 0');
    expect(await page.locator('.cluster-map a[aria-current="true"]').count()).toBe(1);
    expect(await shown.innerText()).not.toContain('kettle');
    expect(await page.locator('.cluster-cards .hint').isVisible()).toBe(false);
    await shown.locator('button.reveal').click();
    expect(await shown.innerText()).toContain('A kettle stood by the old wall number 0.');
    expect(await shown.locator('img, b').count()).toBe(0);
    // Another one by its link in the table; the text of the first is another's.
    await page.locator('.clusters tbody a').nth(1).click();
    expect(await shown.innerText()).toContain('Cluster 7');
    expect(await shown.innerText()).not.toContain('heron');
    expect(trouble).toEqual([]);
    await page.close();
  });

  it('the map works without the page’s script, and fits a telephone', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    await page.goto(`${pathToFileURL(exploreFile).href}#cluster-7`);
    const card = page.locator('#cluster-7');
    expect(await card.isVisible()).toBe(true);
    const [{ x, width } = { x: -1, width: 999 }] = [(await card.boundingBox()) ?? undefined];
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(390);
    await context.close();
    const { page: wide } = await open({ width: 390, file: exploreFile });
    expect(await wide.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await wide.close();
  });

  it('a loop with mending fits a telephone and a screen, everything unfolded, without a complaint', async () => {
    for (const width of [360, 1280]) {
      const { page, trouble } = await open({ width, file: mendFile });
      await page.evaluate('document.querySelectorAll("details").forEach((details) => { details.open = true; })');
      await page.click('#reveal-all');
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      // A name that stands still must not lie on a figure beside it before anyone scrolls.
      expect(await page.evaluate(overlappingCells)).toEqual([]);
      expect(trouble).toEqual([]);
      await page.close();
    }
  });

  it('replies of mended models are covered until asked for, dialogue by dialogue', async () => {
    const { page } = await open({ file: mendFile });
    const word = mendedReply.split(':')[0] ?? '';
    expect(await page.evaluate(`window.find("${word}")`)).toBe(false);
    const cards = page.locator('#mending details[open] article.sample');
    await cards.first().locator('button.reveal').click();
    expect(await cards.first().innerText()).toContain(mendedReply);
    expect(await cards.first().innerText()).toContain('</script><img src=x onerror=');
    expect(await cards.nth(1).innerText()).not.toContain(word);
    await cards.first().locator('button.reveal').click();
    expect(await visibleText(page)).not.toContain(word);
    await page.close();
  });

  it('the matrix tells fresh cells by word and frame, and its colours differ from light to dark', async () => {
    const { page } = await open({ file: mendFile });
    const cells = page.locator('.matrix td.is-fresh');
    expect(await cells.count()).toBe(3);
    for (const text of await cells.allInnerTexts()) expect(text).toContain('◆ fresh');
    const look = (): Promise<unknown> =>
      page.evaluate(
        '(({ backgroundColor, boxShadow }) => [backgroundColor, boxShadow])(getComputedStyle(document.querySelector(".matrix td.is-fresh")))',
      );
    const light = await look();
    await page.click('#theme');
    expect(await look()).not.toEqual(light);
    expect(String(light)).toContain('inset');
    await page.close();
  });

  it('one button shows the words of earlier rounds as well', async () => {
    const { page } = await open({ file: mendFile });
    await page.evaluate('document.querySelectorAll("details").forEach((details) => { details.open = true; })');
    await page.click('button[data-scope="words"]');
    expect(await page.locator('.word-tables .cover').count()).toBe(0);
    expect(await page.locator('#mending .cover').count()).toBeGreaterThan(0);
    await page.close();
  });

  it('works by keyboard, and every button and figure has a name', async () => {
    const { page } = await open();
    await page.locator('article.sample button.reveal').first().focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('article.sample button.reveal').first().getAttribute('aria-expanded')).toBe('true');
    expect(await page.locator('svg[role="img"]:not([aria-label])').count()).toBe(0);
    expect(
      await page.evaluate(
        '[...document.querySelectorAll("button")].every((button) => button.textContent.trim() !== "")',
      ),
    ).toBe(true);
    await page.close();
  });
});

/** Runs in the page: neighbours of a table's row that lie on each other. */
const overlappingCells = `[...document.querySelectorAll('.scroll tr')].flatMap((row) => {
  const boxes = [...row.children].map((cell) => cell.getBoundingClientRect());
  return boxes.slice(1).flatMap((box, i) => (box.left < boxes[i].right - 1 ? [row.textContent.slice(0, 40)] : []));
})`;
