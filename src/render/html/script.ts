/** The page's script: it sets the theme, puts covered text in place when asked for, and lets arrow keys go over a map. Plain browser JavaScript,
 *  kept as text because it runs there and not here. Text goes in as text nodes only. */

/** Every page follows the system's theme until the button is pressed. */
export const themeScript = `
'use strict';
const root = document.documentElement;
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const themeButton = document.getElementById('theme');
const isDark = () => (root.dataset.theme ?? (systemIsDark.matches ? 'dark' : 'light')) === 'dark';
const nameTheme = () => { themeButton.textContent = isDark() ? 'Light' : 'Dark'; };
themeButton.addEventListener('click', () => { root.dataset.theme = isDark() ? 'light' : 'dark'; nameTheme(); });
systemIsDark.addEventListener('change', nameTheme);
nameTheme();
`;

export const reportScript = `${themeScript}
let texts = null;
const textOf = (number) => {
  if (texts === null) {
    const bytes = Uint8Array.from(atob(document.getElementById('veiled').textContent.trim()), (character) => character.charCodeAt(0));
    texts = JSON.parse(new TextDecoder().decode(bytes));
  }
  return texts[number];
};
const covers = new Map();
const setShown = (place, shown) => {
  if (!covers.has(place)) covers.set(place, place.firstElementChild);
  if (shown) place.textContent = textOf(Number(place.dataset.veiled)); else place.replaceChildren(covers.get(place));
};
const scopeOf = (button) => button.closest(button.dataset.scope === undefined ? '.sample' : 'section');
const setButton = (button, shown) => {
  const scope = scopeOf(button);
  for (const place of scope.querySelectorAll('[data-veiled]')) setShown(place, shown);
  for (const each of [button, ...scope.querySelectorAll('button.reveal')]) {
    each.setAttribute('aria-expanded', String(shown));
    each.textContent = (shown ? 'Cover ' : 'Show ') + (each.dataset.scope === 'words' ? 'words' : 'text');
  }
};
const buttons = [...document.querySelectorAll('button.reveal')];
const all = document.getElementById('reveal-all');
const nameAll = () => {
  const shown = buttons.length > 0 && buttons.every((button) => button.getAttribute('aria-expanded') === 'true');
  all.setAttribute('aria-pressed', String(shown));
  all.textContent = shown ? 'Cover model text' : 'Show model text';
};
for (const button of buttons) button.addEventListener('click', () => { setButton(button, button.getAttribute('aria-expanded') !== 'true'); nameAll(); });
all.addEventListener('click', () => { const shown = all.getAttribute('aria-pressed') !== 'true'; for (const button of buttons) setButton(button, shown); nameAll(); });
all.hidden = buttons.length === 0;
for (const map of document.querySelectorAll('.cluster-map svg')) {
  const links = [...map.querySelectorAll('a')];
  const enter = (link) => { for (const each of links) each.setAttribute('tabindex', each === link ? '0' : '-1'); };
  const mark = () => { for (const link of links) link.setAttribute('aria-current', String(link.getAttribute('href') === location.hash)); };
  const placeAfter = { ArrowRight: (at) => at + 1, ArrowDown: (at) => at + 1, ArrowLeft: (at) => at - 1, ArrowUp: (at) => at - 1, Home: () => 0, End: () => -1 };
  map.addEventListener('focusin', (event) => { const link = event.target.closest('a'); if (link !== null) enter(link); });
  map.addEventListener('keydown', (event) => {
    const move = placeAfter[event.key];
    if (move === undefined) return;
    event.preventDefault();
    links.at(move(links.indexOf(document.activeElement)) % links.length).focus();
  });
  addEventListener('hashchange', mark);
  enter(links.find((link) => link.getAttribute('href') === location.hash) ?? links[0]);
  mark();
}
`;
