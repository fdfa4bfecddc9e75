/** A real browser for tests, and questions to ask in its pages. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

const candidates = [
  process.env['GADFLY_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** @throws Error where no browser is installed */
export async function launchChromium(): Promise<Browser> {
  const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined)
    throw new Error(
      'These tests need a Chromium: install one (`apt-get install chromium`) or name it in GADFLY_CHROMIUM.',
    );
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'],
  });
}

export interface OpenOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
}

/** A page with what went wrong on it and what it asked for. */
export interface WatchedPage {
  readonly page: Page;
  readonly trouble: readonly string[];
  readonly requests: readonly string[];
}

/** Opens a fresh page, with storage of its own. */
export async function openPage(
  browser: Browser,
  url: string,
  { colorScheme = 'light', width = 1180 }: OpenOptions = {},
): Promise<WatchedPage> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const [trouble, requests]: [string[], string[]] = [[], []];
  page.on('console', (message) => {
    trouble.push(message.text());
  });
  page.on('pageerror', (error) => {
    trouble.push(error.message);
  });
  page.on('request', (request) => {
    requests.push(request.url());
  });
  await page.goto(url);
  return { page, trouble, requests };
}

/** Runs in the page: texts whose colour stands out from what is behind them by less than 4.5 (WCAG 2). */
export const lowContrasts = `(() => {
  // A canvas reads every notation of colours, mixtures among them.
  const paint = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  const parse = (color) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b, alpha] = paint.getImageData(0, 0, 1, 1).data;
    return [r, g, b, alpha / 255];
  };
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  let examined = 0;
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.closest('script, noscript, .skip') !== null || element.getClientRects().length === 0) continue;
    examined++;
    const style = getComputedStyle(element);
    const front = parse(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [luminance(front), luminance(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) low.push(element.tagName + '.' + element.getAttribute('class') + ' ' + contrast.toFixed(2) + ' ' + element.textContent.slice(0, 20));
  }
  return { low, examined };
})()`;
