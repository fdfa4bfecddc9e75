/** `npx tsx tests/browser/pageSpeed.ts`: how quickly the page of `gadfly ui` shows 1,000 runs and 100,000 exchanges, in a real browser
 *  over the built command (`npm run build` first). Folders are synthetic, written anew into the temporary folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { systemClock } from '../../src/base/clock.js';
import { packageRoot } from '../../src/base/packageRoot.js';
import { writeSyntheticRun } from '../../src/server/runs/testing/syntheticRuns.js';
import { quantile } from '../../src/stats/bootstrap.js';
import { launchChromium, openPage } from './chromium.js';

const counts = { runs: 1000, dialogues: 50_000, exchanges: 2, repeats: 5 } as const;
const clock = systemClock;

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'gadfly-page-bench-'));
  const browser = await launchChromium();
  let server: ChildProcess | null = null;
  try {
    writeFolders(join(scratch, 'runs'));
    const began = clock.monotonicMs();
    const started = await startServer(join(scratch, 'runs'), join(scratch, 'state'));
    ({ server } = started);
    say('the command, until it prints its address', [clock.monotonicMs() - began]);

    const first = await openPage(browser, started.url);
    say('first view of the runs, the server just started', [await shownAfter(first.page, rowIsShown)]);
    await until(first.page, 'document.querySelector("main [role=status]").innerText.includes("1,001 runs")');
    say('… until all 1,001 runs are listed', [await first.page.evaluate<number>('performance.now()')]);
    const again: number[] = [];
    for (let i = 0; i < counts.repeats; i++) {
      const { page } = await openPage(browser, started.url);
      again.push(await shownAfter(page, rowIsShown));
      await page.context().close();
    }
    say('first view of the runs', again);
    say('a filter of the runs, to the next frame', await repeated(() => timeRunFilter(first.page)));

    const { page } = await openPage(browser, `${started.url}#/dialogues?id=large`);
    say('first view of the dialogues, not indexed yet', [await shownAfter(page, dialogueIsShown)]);
    await until(page, '/^50,000 of 50,000 dialogues · \\d+ ms$/.test(document.querySelector(".facts").innerText)');
    say('… until all 100,000 exchanges are indexed', [await page.evaluate<number>('performance.now()')]);
    const linked: number[] = [];
    for (let i = 0; i < counts.repeats; i++) {
      const { page: other } = await openPage(browser, `${started.url}#/dialogues?id=large`);
      linked.push(await shownAfter(other, dialogueIsShown));
      await other.context().close();
    }
    say('first view of the dialogues', linked);
    for (const [title, change] of filters)
      say(`filter by ${title}, from the change to the next frame`, await repeated((i) => timeFilter(page, change(i))));
    await page.evaluate(setField('#words', ''));
    await page.evaluate(setField('.filters label:nth-of-type(4) select', ''));
    await until(page, 'document.querySelector(".facts").innerText.startsWith("50,000")');
    say('a frame while all is scrolled over', await scrolled(page));
  } finally {
    server?.kill('SIGKILL');
    await browser.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function writeFolders(folder: string): void {
  for (let i = 0; i < counts.runs; i++)
    writeSyntheticRun(join(folder, `run-${String(i).padStart(4, '0')}`), {
      seed: i,
      steps: 40,
      dialogues: 20,
      rate: (i % 97) / 100,
      attack: i % 3 === 0 ? 'ctb' : 'ipo',
    });
  writeSyntheticRun(join(folder, 'large'), { name: 'large', steps: 4000, ...counts });
}

async function startServer(
  folder: string,
  state: string,
): Promise<{ readonly url: string; readonly server: ChildProcess }> {
  const server = spawn(process.execPath, ['dist/src/cli/main.js', '--json', 'ui', folder, '--port', '0'], {
    cwd: packageRoot(),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, XDG_STATE_HOME: state },
  });
  const [output] = (await once(server.stdout, 'data')) as [Buffer];
  return { server, url: (JSON.parse(output.toString()) as { readonly url: string }).url };
}

const rowIsShown = 'document.querySelectorAll("tbody tr").length >= 20';
const dialogueIsShown = 'document.querySelectorAll(".option .harm").length >= 5';

/** Returns the time from the navigation to the frame after an expression has become true, ms. */
function shownAfter(page: Page, expression: string): Promise<number> {
  return page.evaluate<number>(
    `(async () => { while (!(${expression})) await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame); return performance.now(); })()`,
  );
}

/** Sets a field as a person does. */
function setField(selector: string, value: string): string {
  return `(() => { const field = document.querySelector(${JSON.stringify(selector)}); field.value = ${JSON.stringify(value)}; field.dispatchEvent(new Event(field.tagName === 'INPUT' && field.type === 'search' ? 'input' : 'change', { bubbles: true })); })()`;
}

const filters: readonly (readonly [string, (i: number) => string])[] = [
  [
    'words (60 ms of waiting for the next key among it)',
    (i) => setField('#words', ['honey bread', 'kind lamp', 'cheese', '"the tea"', 'rain sun'][i] ?? ''),
  ],
  ['failure', (i) => setField('.filters label:nth-of-type(4) select', i % 2 === 0 ? 'yes' : 'no')],
  [
    'order',
    (i) =>
      setField('.filters label:last-of-type select', ['likeliest', 'newest', 'reward', 'oldest', 'worst'][i] ?? ''),
  ],
];

/** Returns the time until the answer to a change is shown, ms. */
function timeFilter(page: Page, change: string): Promise<number> {
  return page.evaluate<number>(`(async () => {
    const list = document.querySelector('.all');
    const before = document.querySelector('.facts').innerText + list.innerText;
    const began = performance.now();
    ${change};
    while (document.querySelector('.facts').innerText + list.innerText === before && performance.now() - began < 5000) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
  })()`);
}

function timeRunFilter(page: Page): Promise<number> {
  return page.evaluate<number>(`(async () => {
    const field = document.querySelector('input[type=search]');
    const began = performance.now();
    field.value = field.value === 'ctb' ? 'run-00' : 'ctb';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
    return performance.now() - began;
  })()`);
}

async function repeated(measure: (i: number) => Promise<number>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < counts.repeats; i++) times.push(await measure(i));
  return times;
}

/** Scrolls over the whole list in 300 steps and returns how long each frame took, ms. */
function scrolled(page: Page): Promise<readonly number[]> {
  return page.evaluate<readonly number[]>(`(async () => {
    const list = document.querySelector('#dialogue-list');
    const times = [];
    let before = await new Promise(requestAnimationFrame);
    for (let i = 1; i <= 300; i++) {
      list.scrollTop = (list.scrollHeight * i) / 300;
      const now = await new Promise(requestAnimationFrame);
      times.push(now - before);
      before = now;
    }
    return times;
  })()`);
}

async function until(page: Page, expression: string): Promise<void> {
  for (;;) {
    if (await page.evaluate<boolean>(expression)) return;
    await page.waitForTimeout(20);
  }
}

function say(title: string, times: readonly number[]): void {
  const most = times.length === 1 ? '' : `, at most ${Math.max(...times).toFixed(0)} ms of ${String(times.length)}`;
  console.log(
    `${title}: ${quantile(
      [...times].sort((a, b) => a - b),
      0.5,
    ).toFixed(0)} ms${most}`,
  );
}

await main();
