import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{kit,services,cli,test,scripts}/**/*.test.ts'],
    globalSetup: ['kit/testing/postgres-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    reporters: ['default', './kit/testing/left-out.ts'],
  },
});
