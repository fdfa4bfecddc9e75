import { defineConfig } from 'vitest/config';

const browser = ['**/*.browser.test.ts'];
const models = ['**/*.models.test.ts'];
const ignored = ['node_modules/**', 'dist/**'];

/** Three tiers: `quick` needs nothing but npm packages, `models` the real checkpoint, `browser` a Chromium. */
export default defineConfig({
  test: {
    env: { NO_COLOR: '1' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 240_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['src/**/*.test.{ts,tsx}', 'organism/**/*.test.ts', 'tests/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: [...ignored, ...models, ...browser],
        },
      },
      {
        extends: true,
        test: { name: 'models', include: models, exclude: ignored, testTimeout: 900_000, maxWorkers: 1 },
      },
      { extends: true, test: { name: 'browser', include: browser, exclude: ignored } },
    ],
  },
});
