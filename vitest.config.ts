import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{kit,services,test,scripts}/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
});
