/** The button that changes a page between light and dark. Plain browser JavaScript, kept as text because it runs there
 *  and not here. */
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
