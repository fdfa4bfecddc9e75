/** `gadfly ui` in a real browser: the built command over run directories that grow, and what it refuses. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accessFaults } from '../../tests/browser/axe.js';
import { launchChromium, lowContrasts, openPage, type WatchedPage } from '../../tests/browser/chromium.js';
import type { JsonObject } from '../base/json.js';
import { packageRoot } from '../base/packageRoot.js';
import { appendMetrics, writeSyntheticRun } from '../server/runs/testing/syntheticRuns.js';

let browser: Browser;
let folder: string;
let state: string;
const servers: ChildProcess[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadfly-ui-page-'));
  state = mkdtempSync(join(tmpdir(), 'gadfly-ui-state-'));
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const server of servers.splice(0)) server.kill('SIGKILL');
  for (const each of [folder, state]) rmSync(each, { recursive: true, force: true });
});

interface Running {
  readonly url: string;
  readonly server: ChildProcess;
}

async function serve(port = 0): Promise<Running> {
  const server = spawn(process.execPath, ['dist/src/cli/main.js', '--json', 'ui', folder, '--port', String(port)], {
    cwd: packageRoot(),
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, XDG_STATE_HOME: state },
  });
  servers.push(server);
  const [output] = (await once(server.stdout, 'data')) as [Buffer];
  return { url: (JSON.parse(output.toString()) as { readonly url: string }).url, server };
}

/** Waits until an expression is true in the page. (Playwright's own waiting evaluates code in the page, which the page's
 *  security policy forbids.) */
async function until(page: Page, expression: string): Promise<void> {
  await expect.poll(() => page.evaluate<boolean>(expression), { timeout: 20_000, interval: 20 }).toBe(true);
}

async function open(url: string, place = '', options: Parameters<typeof openPage>[2] = {}): Promise<WatchedPage> {
  const watched = await openPage(browser, url + place, options);
  await watched.page.waitForSelector('.connection.live');
  return watched;
}

/** Appends a dialogue to a run, with other words. */
function appendDialogue(run: string, adversary: string, target: string): void {
  const path = join(folder, run, 'rollouts.jsonl');
  const record = JSON.parse(readFileSync(path, 'utf8').split('\n')[0] ?? '') as JsonObject;
  const turns = (record['turns'] as readonly JsonObject[]).map((turn) => ({
    ...turn,
    text: turn['author'] === 'adversary' ? adversary : target,
  }));
  appendFileSync(path, `${JSON.stringify({ ...record, turns })}\n`);
}

/** Sends a request as any program may, and returns its status. */
async function statusOf(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: object | null = null,
): Promise<number> {
  const { port } = new URL(url);
  const sent = request({ host: '127.0.0.1', port, path, method: body === null ? 'GET' : 'POST', headers });
  sent.end(body === null ? undefined : JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [{ readonly statusCode: number; readonly resume: () => void }];
  response.resume();
  return response.statusCode;
}

describe('the list', () => {
  it('has every run with its headline and interval, is filtered and sorted, and leads to a comparison', async () => {
    writeSyntheticRun(join(folder, 'tea'), { seed: 1, rate: 0.4 });
    writeSyntheticRun(join(folder, 'deep/cup'), { name: 'cup', seed: 2, rate: 0.6, attack: 'ctb' });
    const { url } = await serve();
    const { page, trouble, requests } = await open(url);
    await page.waitForSelector('tbody tr >> nth=1');
    const names = (): Promise<readonly string[]> => page.locator('tbody th a').allInnerTexts();
    expect(await names()).toEqual(['deep/cup', 'tea']);
    expect(await page.locator('tbody tr', { hasText: 'tea' }).innerText()).toMatch(/40\.0%\s+32\.0% to 48\.0%/);
    await page.getByRole('button', { name: /^Failed/ }).click();
    await page.getByRole('button', { name: /^Failed/ }).click();
    expect(await names()).toEqual(['tea', 'deep/cup']);
    await page.getByRole('searchbox').fill('ctb');
    await until(page, 'document.querySelectorAll("tbody tr").length === 1');
    await page.getByRole('searchbox').fill('');
    await page.getByLabel('Compare tea').check();
    await page.getByLabel('Compare deep/cup').check();
    await page.getByRole('link', { name: 'Compare 2' }).click();
    await page.waitForSelector('text=ipo → ctb');
    expect(await page.locator('tbody tr', { hasText: 'ipo → ctb' }).innerText()).toContain('+20.0 pp');
    expect(await page.locator('.plot canvas').count()).toBeGreaterThan(4);
    await page.goBack();
    await page.waitForSelector('tbody th a >> nth=1');
    expect(trouble).toEqual([]);
    expect(requests.every((each) => each.startsWith(new URL('/', url).href) || each.startsWith('data:'))).toBe(true);
  });

  it('shows a run that begins while the page is open', async () => {
    writeSyntheticRun(join(folder, 'tea'));
    const { page } = await open((await serve()).url);
    await page.waitForSelector('tbody th >> text=tea');
    writeSyntheticRun(join(folder, 'later'));
    await page.waitForSelector('tbody th >> text=later');
    rmSync(join(folder, 'tea'), { recursive: true });
    await until(page, 'document.querySelectorAll("tbody tr").length === 1');
  });
});

const steps = 'document.querySelector(".plot").getAttribute("aria-label")';

describe('a run that is being written', () => {
  it('grows on the page without a reload, also over a kill of the server', async () => {
    writeSyntheticRun(join(folder, 'tea'), { status: 'interrupted', steps: 8 });
    const first = await serve();
    const { page, trouble } = await open(first.url, '#/run?id=tea');
    await until(page, `${steps}.endsWith('at step 8')`);
    await page.evaluate('window.isSamePage = true');
    appendMetrics(join(folder, 'tea'), 9, 4);
    await until(page, `${steps}.endsWith('at step 12')`);
    expect(trouble).toEqual([]);

    first.server.kill('SIGKILL');
    await once(first.server, 'exit');
    await page.waitForSelector('.connection.lost');
    appendMetrics(join(folder, 'tea'), 13, 4);
    const second = await serve(Number(new URL(first.url).port));
    expect(second.url).toBe(first.url);
    await until(page, `${steps}.endsWith('at step 16')`);
    await page.waitForSelector('.connection.live');
    expect(await page.evaluate('window.isSamePage')).toBe(true);
    second.server.kill('SIGINT');
    expect(await once(second.server, 'exit')).toEqual([130, null]);
  });
});

const listed = 'document.querySelector("[role=status].facts").innerText';

describe('dialogues', () => {
  it('are found by their words, covered until asked for, opened by keyboard and linked to', async () => {
    writeSyntheticRun(join(folder, 'tea'), { dialogues: 300 });
    appendDialogue('tea', 'where is the zeppelin', 'a zeppelin over there');
    const { url } = await serve();
    const { page, trouble } = await open(url, '#/dialogues?id=tea');
    await until(page, `${listed}.startsWith('301 of 301 dialogues')`);
    await page.keyboard.press('/');
    await page.keyboard.type('zeppelin');
    await until(page, `${listed}.startsWith('1 of 301 dialogues')`);
    expect(await page.evaluate('document.body.textContent.includes("over there")')).toBe(false);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Dialogue 301');
    expect(await page.evaluate('document.body.textContent.includes("over there")')).toBe(false);
    await page.keyboard.press('v');
    await until(page, 'document.querySelector(".turn.target .text")?.innerText === "a zeppelin over there"');

    const linked = await open(url, new URL(page.url()).hash);
    await linked.page.waitForSelector('text=Dialogue 301');
    expect(await linked.page.getByRole('searchbox').inputValue()).toBe('zeppelin');
    expect(await linked.page.evaluate('document.body.textContent.includes("over there")')).toBe(false);
    expect(trouble).toEqual([]);
  });

  it('come worst first, between bounds of harm, and only some of them are in the page', async () => {
    writeSyntheticRun(join(folder, 'tea'), { dialogues: 5000 });
    const { page } = await open((await serve()).url, '#/dialogues?id=tea');
    await until(page, `${listed}.includes('of 5,000 dialogues') && !${listed}.includes('read')`);
    const harms = async (): Promise<readonly number[]> =>
      (await page.locator('.option .harm').allInnerTexts()).map((text) => Number(/harm ([\d.]+)/.exec(text)?.[1]));
    await until(page, 'document.querySelectorAll(".option .harm").length > 5');
    const shown = await harms();
    expect(shown).toEqual([...shown].sort((a, b) => b - a));
    await page.getByLabel('to', { exact: true }).fill('0.5');
    await page.keyboard.press('Enter');
    await until(page, `!${listed}.startsWith('5,000')`);
    await expect.poll(async () => Math.max(...(await harms()))).toBeLessThanOrEqual(0.5);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('End');
    await until(page, 'document.querySelector(".option.active")?.getAttribute("aria-posinset") > 1000');
    expect(await page.locator('.option').count()).toBeLessThan(60);
  });

  it('are selected by a frame that is dragged around their points', async () => {
    writeSyntheticRun(join(folder, 'tea'), { dialogues: 400 });
    const { page, trouble } = await open((await serve()).url, '#/run?id=tea');
    const picture = page.locator('svg.brush');
    await picture.scrollIntoViewIfNeeded();
    const box = await picture.boundingBox();
    if (box === null) throw new Error('the picture has no place');
    await page.mouse.move(box.x + 60, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 40, box.y + box.height / 2);
    await page.mouse.up();
    await until(page, 'location.hash.startsWith("#/dialogues")');
    await until(page, 'document.querySelectorAll(".option .harm").length > 0');
    const { searchParams } = new URL(new URL(page.url()).hash.slice(1), 'http://x');
    const least = Number(searchParams.get('min'));
    expect(least).toBeGreaterThan(0.3);
    const harms = await page.locator('.option .harm').allInnerTexts();
    expect(harms.every((text) => Number(/harm ([\d.]+)/.exec(text)?.[1]) >= least - 0.005)).toBe(true);
    expect(await page.locator('.option').first().innerText()).toContain('evaluate:');
    expect(trouble).toEqual([]);
  });

  it('are text and nothing else, whatever they say', async () => {
    writeSyntheticRun(join(folder, 'tea'), { dialogues: 3 });
    const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    appendDialogue('tea', hostile, hostile);
    const { page, requests } = await open((await serve()).url, '#/dialogues?id=tea&line=3');
    await page.waitForSelector('text=Dialogue 4');
    await page.keyboard.press('v');
    await until(page, `document.querySelector(".turn.target .text")?.innerText === ${JSON.stringify(hostile)}`);
    await until(page, `[...document.querySelectorAll('.excerpt')].some((each) => each.innerText.includes('<script>'))`);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toBe('tea – Gadfly');
    expect(requests.filter((each) => each.endsWith('/x'))).toEqual([]);
  });
});

describe('a recipe', () => {
  it('is started once its dry run was shown, stops as asked with its state saved, and goes on', async () => {
    writeSyntheticRun(join(folder, 'tea'));
    const { page, trouble } = await open((await serve()).url, '#/start');
    await until(page, '[...document.querySelectorAll("option")].some(({ text }) => text === "demo")');
    await page.getByLabel(/^Folder/).fill('small');
    await page.getByLabel(/^Changes/).fill('stages.ipo.epochs=40\nstages.evaluate.prompts=2');
    expect(await accessFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.waitForSelector('text=target queries', { timeout: 60_000 });
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page
      .getByRole('region', { name: /^Run started/ })
      .getByRole('link', { name: 'small' })
      .click({ timeout: 60_000 });
    await page.waitForSelector('progress', { timeout: 60_000 });
    await page.getByRole('button', { name: 'Stop small' }).click();
    await page.waitForSelector('.job >> text=exit code 130', { timeout: 60_000 });
    await page.waitForSelector('.state >> text=interrupted', { timeout: 20_000 });
    expect(await accessFaults(page)).toEqual([]);

    await page.getByRole('link', { name: 'Go on' }).click();
    await page.getByLabel(/^Changes/).fill('stages.ipo.nothing=1');
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.waitForSelector('text=cannot be run as it stands', { timeout: 60_000 });
    await page.getByLabel(/^Changes/).fill('');
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.getByRole('button', { name: 'Go on' }).click({ timeout: 60_000 });
    await page.waitForSelector('.job >> text=small running');
    await page.waitForSelector('tbody .status.running', { timeout: 60_000 });
    await page.getByRole('button', { name: 'Stop small' }).click();
    await page.waitForSelector('.job >> text=exit code 130', { timeout: 60_000 });
    expect(trouble).toEqual([]);
  });
});

describe('what is refused', () => {
  it('is a request with another token or host, from another page, or for a place outside the folder', async () => {
    writeSyntheticRun(join(folder, 'tea'));
    const { url } = await serve();
    const token = new URL(url).searchParams.get('token') ?? '';
    const right = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    expect(await statusOf(url, '/api/run', right, { id: 'tea' })).toBe(200);
    expect(await statusOf(url, '/api/run', { ...right, authorization: 'Bearer no' }, { id: 'tea' })).toBe(401);
    expect(await statusOf(url, '/api/run', { ...right, host: 'example.org' }, { id: 'tea' })).toBe(403);
    expect(await statusOf(url, '/api/run', { ...right, origin: 'http://example.org' }, { id: 'tea' })).toBe(403);
    for (const id of ['../tea', '..', '/etc', 'tea/../../x', 'tea\\..'])
      expect([id, await statusOf(url, '/api/run', right, { id })]).toEqual([id, 400]);
    for (const path of ['/assets/..%2f..%2fpackage.json', '/assets/../../package.json', '/package.json'])
      expect([path, await statusOf(url, path, right)]).toEqual([path, 404]);
    expect(await statusOf(url, '/?token=no', {})).toBe(401);
    const { page } = await openPage(browser, url.replace(/token=.*/, 'token=no'));
    expect(await page.locator('body').innerText()).toContain('lacks its token');
  });
});

describe('the page', () => {
  it.each(['#/runs', '#/run?id=tea', '#/dialogues?id=tea&line=2', '#/compare?run=tea&run=cup'])(
    'reaches a contrast of 4.5, fits a phone and has nothing that axe objects to in %s, in light and dark',
    async (place) => {
      for (const name of ['tea', 'cup'])
        writeSyntheticRun(join(folder, name), { attack: name === 'tea' ? 'ipo' : 'ctb' });
      const { url } = await serve();
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page, trouble } = await open(url, place, { colorScheme, width: 360 });
        await page.waitForSelector('main table, .turn');
        const { low, examined } = await page.evaluate<{ low: string[]; examined: number }>(lowContrasts);
        expect(low).toEqual([]);
        expect(await accessFaults(page)).toEqual([]);
        expect(examined).toBeGreaterThan(20);
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
        expect(await page.locator('h1').count()).toBe(1);
        expect(trouble).toEqual([]);
      }
    },
  );
});
