/** Light or dark: as the system says until a person chooses. */
import { signal } from '@preact/signals';
import { keep, ofPerson, readKept } from './kept.js';

const system = matchMedia('(prefers-color-scheme: dark)');
const chosen = signal(readKept(ofPerson, 'theme'));
apply();

export function ThemeButton() {
  const isDark = (chosen.value ?? (system.matches ? 'dark' : 'light')) === 'dark';
  const choose = (): void => {
    chosen.value = isDark ? 'light' : 'dark';
    keep(ofPerson, 'theme', chosen.value);
    apply();
  };
  return (
    <button type="button" class="theme" onClick={choose}>
      {isDark ? 'Light' : 'Dark'}
    </button>
  );
}

function apply(): void {
  if (chosen.value === null) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen.value;
}
