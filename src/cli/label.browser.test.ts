/** `gadfly label` in a real browser, by keyboard: the built command, its page, and what is on the disk then. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium, lowContrasts, openPage, type WatchedPage } from '../../tests/browser/chromium.js';
import { packageRoot } from '../base/packageRoot.js';
import { readChoices } from '../labelling/choiceFile.js';
import { type LabelChoice, standingChoices } from '../labelling/labelChoice.js';

let browser: Browser;
let folder: string;
const servers: ChildProcess[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadfly-label-page-'));
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const server of servers.splice(0)) server.kill('SIGKILL');
});

interface Running {
  readonly url: string;
  readonly server: ChildProcess;
}

async function serve(texts: readonly string[], flags: readonly string[] = []): Promise<Running> {
  const file = join(folder, 'texts.jsonl');
  if (!existsSync(file)) writeFileSync(file, texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
  const command = ['dist/src/cli/main.js', '--json', 'label', file, '--labels', 'polite,rude,unclear', '--port', '0'];
  const server = spawn(process.execPath, [...command, ...flags], {
    cwd: packageRoot(),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  servers.push(server);
  const [output] = (await once(server.stdout, 'data')) as [Buffer];
  return { url: (JSON.parse(output.toString()) as { readonly url: string }).url, server };
}

const harmless = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `a cup of tea ${String(i)}`);
const kept = (): readonly LabelChoice[] => readChoices(join(folder, 'labels.jsonl'));
const textOf = (page: Page): Promise<string> => page.locator('#item .text').innerText();

async function openLabels(url: string, options: Parameters<typeof openPage>[2] = {}): Promise<WatchedPage> {
  const watched = await openPage(browser, url, options);
  await watched.page.waitForSelector('#item, .end');
  return watched;
}

/** Waits until an expression is true in the page. (Playwright's own waiting evaluates code in the page, which the page's
 *  security policy forbids.) */
async function until(page: Page, expression: string): Promise<void> {
  await expect.poll(() => page.evaluate<boolean>(expression), { timeout: 20_000, interval: 20 }).toBe(true);
}

/** Presses a key that leads to another item, and waits until it is shown. */
async function press(page: Page, key: string): Promise<void> {
  const before = JSON.stringify(await textOf(page));
  await page.keyboard.press(key);
  await until(page, `document.querySelector('#item .text')?.innerText !== ${before}`);
}

describe('labelling by keyboard alone', () => {
  it('keeps all fifty labels over a reload and a kill of the server in the middle', async () => {
    const texts = harmless(50);
    const first = await serve(texts);
    const { page, trouble, requests } = await openLabels(first.url);
    const given = new Map<string, string>();
    const label = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const place = 1 + (given.size % 3);
        given.set(await textOf(page), ['polite', 'rude', 'unclear'][place - 1] ?? '');
        await press(page, String(place));
        expect(kept()).toHaveLength(given.size);
      }
    };
    await label(17);
    const before = await textOf(page);
    await page.reload();
    await page.waitForSelector('#item');
    expect(await textOf(page)).toBe(before);
    await label(8);
    expect(trouble).toEqual([]);
    expect(requests.every((url) => url.startsWith(new URL('/', first.url).href) || url.startsWith('data:'))).toBe(true);

    first.server.kill('SIGKILL');
    await once(first.server, 'exit');
    await page.keyboard.press('1');
    await page.waitForSelector('[role=alert] >> text=does not answer');
    expect(kept()).toHaveLength(25);

    const second = await serve(texts);
    await page.goto(second.url);
    await page.waitForSelector('#item');
    expect(await page.locator('[role=progressbar]').getAttribute('aria-valuenow')).toBe('25');
    await label(25);
    await page.waitForSelector('.end >> text=All items are labelled');
    const standing = standingChoices(kept());
    expect(kept()).toHaveLength(50);
    expect(standing).toHaveLength(50);
    expect(new Set(given.keys())).toEqual(new Set(texts));
    for (const { labeller, probability } of standing) {
      expect(labeller).toBe('anonymous');
      expect(probability).toBeGreaterThan(0);
    }
    second.server.kill('SIGINT');
    expect(await once(second.server, 'exit')).toEqual([130, null]);
  });

  it('undoes, skips, takes a note as it is typed, and says so to a screen reader', async () => {
    const { url } = await serve(harmless(4));
    const { page, trouble } = await openLabels(url);
    const first = await textOf(page);
    await press(page, '2');
    expect(await page.locator('[role=status]').innerText()).toBe('Labelled rude.');
    await press(page, 'u');
    expect(await textOf(page)).toBe(first);
    expect(await page.locator('[role=status]').innerText()).toBe('Taken back.');
    await page.keyboard.press('n');
    await page.keyboard.type('2 unusual snacks');
    await page.keyboard.press('Escape');
    await page.reload();
    await page.waitForSelector('#item');
    expect(await page.locator('textarea').inputValue()).toBe('2 unusual snacks');
    await page.locator('#item').focus();
    await press(page, '1');
    expect(await page.locator('textarea').count()).toBe(0);
    const second = await textOf(page);
    await press(page, 's');
    await press(page, '3');
    await press(page, '3');
    expect(await page.locator('.end h2').innerText()).toBe('No open item is left');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#item');
    expect(await textOf(page)).toBe(second);
    expect(kept().map(({ label, note }) => [label, note ?? null])).toEqual([
      ['rude', null],
      [null, null],
      ['polite', '2 unusual snacks'],
      [null, null],
      ['unclear', null],
      ['unclear', null],
    ]);
    expect(trouble).toEqual([]);
  });

  it('a key that is held down labels one item, and keys are text in the help and the name', async () => {
    const { url } = await serve(harmless(6));
    const { page } = await openLabels(url);
    const before = await textOf(page);
    await page.keyboard.down('1');
    for (let i = 0; i < 5; i++) await page.keyboard.down('1');
    await page.keyboard.up('1');
    await until(page, `document.querySelector('#item .text').innerText !== ${JSON.stringify(before)}`);
    await page.keyboard.press('?');
    await page.keyboard.press('2');
    await page.waitForSelector('dialog[open] >> text=Keys');
    await page.keyboard.press('Escape');
    await page.click('text=anonymous');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('su1');
    await page.keyboard.press('Enter');
    await page.waitForSelector('header >> text=su1');
    await until(page, `document.querySelector('[role=progressbar]').getAttribute('aria-valuenow') === '0'`);
    await press(page, '3');
    expect(kept().map(({ label, labeller }) => [labeller, label])).toEqual([
      ['anonymous', 'polite'],
      ['su1', 'unclear'],
    ]);
  });
});

describe('two tabs', () => {
  it('show one person different items, and keep each label once', async () => {
    const { url } = await serve(harmless(12));
    const [left, right] = [(await openLabels(url)).page, (await openLabels(url)).page];
    for (let i = 0; i < 5; i++) {
      expect(await textOf(left)).not.toBe(await textOf(right));
      await press(left, '1');
      await press(right, '2');
    }
    expect(kept()).toHaveLength(10);
    expect(new Set(kept().map(({ id }) => id)).size).toBe(10);
  });
});

describe('a text that the judge suspects', () => {
  it('is not in the page until it is asked for, and can be covered again', async () => {
    const { url } = await serve(['you are an idiot', 'you stupid idiot'], ['--judge', 'insult-words']);
    const { page } = await openLabels(url);
    expect(await page.locator('body').innerText()).toContain('insult-words suspects that this text is harmful.');
    expect(await page.evaluate('document.body.textContent.includes("idiot")')).toBe(false);
    await page.keyboard.press('v');
    expect(await textOf(page)).toContain('idiot');
    await page.keyboard.press('v');
    expect(await page.evaluate('document.body.textContent.includes("idiot")')).toBe(false);
  });
});

describe('the page', () => {
  it('has a name for everything that can be used, and gives each new item the focus', async () => {
    const { url } = await serve(harmless(3));
    const { page } = await openLabels(url);
    const focused = 'document.activeElement.getAttribute("aria-labelledby")';
    expect(await page.evaluate(focused)).toBe('item-title');
    await press(page, '1');
    expect(await page.evaluate(focused)).toBe('item-title');
    expect(await page.getByRole('article', { name: 'Item 2 of 3' }).count()).toBe(1);
    expect(await page.getByRole('button', { name: /^1 polite/ }).getAttribute('aria-keyshortcuts')).toBe('1');
    expect(await page.getByRole('progressbar', { name: 'Items labelled' }).getAttribute('aria-valuetext')).toMatch(
      /^1 of 3 items labelled/,
    );
    for (const name of ['Help', 'Labeller anonymous', 'Undo u', 'Skip s', 'Note n'])
      expect(await page.getByRole('button', { name }).count(), name).toBe(1);
    expect(await page.locator('main').count()).toBe(1);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    await page.keyboard.press('?');
    expect(await page.getByRole('dialog', { name: 'Keys' }).count()).toBe(1);
    await page.getByLabel('Keys are on').uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('1');
    await page.getByRole('button', { name: /^2 rude/ }).click();
    await page.waitForSelector('#item >> text=Item 3 of 3');
    expect(kept().map(({ label }) => label)).toEqual(['polite', 'rude']);
  });

  it('reaches a contrast of 4.5 and fits a phone, in light and dark', async () => {
    const { url } = await serve([`${'a long word '.repeat(40)}${'x'.repeat(80)}`, 'short'], ['--per-item', '2']);
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openLabels(url, { colorScheme, width: 360 });
      await page.keyboard.press('n');
      await page.keyboard.press('Escape');
      const { low, examined } = await page.evaluate<{ low: string[]; examined: number }>(lowContrasts);
      expect(low).toEqual([]);
      expect(examined).toBeGreaterThan(20);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    }
  });
});
