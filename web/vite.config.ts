/** Builds the pages into dist/web, each a document and files beside it, without anything from elsewhere. */
import { defineConfig } from 'vite';

// eslint-disable-next-line no-restricted-syntax -- Vite reads the default export.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    license: { fileName: 'LICENSES.md' },
    rolldownOptions: { input: ['label.html', 'runs.html'] },
  },
});
