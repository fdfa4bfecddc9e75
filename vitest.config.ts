import { defineConfig } from 'vitest/config';

const browser = ['**/*.browser.test.ts'];
const models = ['**/*.models.test.ts'];
const services = ['**/*.services.test.ts'];
const ignored = ['node_modules/**', 'dist/**'];

/** For daily work, chosen by measured time: rooms whose tests open no model, but for the few files that take seconds. */
const fast = {
  include: [
    'src/{base,dialogue,queue,recipe,remote,render,report,runs,stats}/**/*.test.{ts,tsx}',
    'src/engine/{nn,optim,tensor,text}/**/*.test.ts',
    'src/learning/formulas/**/*.test.ts',
    'src/planning/**/*.test.ts',
    'tests/{exports,floors}.test.ts',
  ],
  exclude: [
    'src/dialogue/datasets/clean.test.ts',
    'src/engine/nn/rope.test.ts',
    'src/engine/tensor/ops.test.ts',
    'src/planning/workload.test.ts',
    'src/remote/endpoint.test.ts',
    'src/remote/questions.test.ts',
    'src/render/html/sweepPage.test.ts',
    'src/stats/bootstrap.test.ts',
  ],
};

/** Tiers (docs/testing.md): `quick` needs nothing but npm packages, and `fast` is a part of it; `models` needs the real
 *  checkpoint, `browser` a Chromium, `services` a redis-server. */
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
          exclude: [...ignored, ...models, ...browser, ...services],
        },
      },
      {
        extends: true,
        // Files share a process, and with it what they import: that takes longer than these tests.
        test: {
          name: 'fast',
          include: fast.include,
          exclude: [...ignored, ...models, ...browser, ...services, ...fast.exclude],
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'models', include: models, exclude: ignored, testTimeout: 900_000, maxWorkers: 1 },
      },
      { extends: true, test: { name: 'browser', include: browser, exclude: ignored } },
      { extends: true, test: { name: 'services', include: services, exclude: ignored } },
    ],
  },
});
