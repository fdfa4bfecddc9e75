/** Light or dark: as the system says until a person chooses. */
import { computed, signal } from '@preact/signals';
import { keep, ofPerson, readKept } from './kept.js';

const system = matchMedia('(prefers-color-scheme: dark)');
const isSystemDark = signal(system.matches);
const chosen = signal(readKept(ofPerson, 'theme'));
export const isDark = computed(() => (chosen.value ?? (isSystemDark.value ? 'dark' : 'light')) === 'dark');
system.addEventListener('change', ({ matches }) => {
  isSystemDark.value = matches;
});
apply();

export function ThemeButton() {
  const choose = (): void => {
    chosen.value = isDark.value ? 'light' : 'dark';
    keep(ofPerson, 'theme', chosen.value);
    apply();
  };
  return (
    <button type="button" class="theme" onClick={choose}>
      {isDark.value ? 'Light' : 'Dark'}
    </button>
  );
}

function apply(): void {
  if (chosen.value === null) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen.value;
}
