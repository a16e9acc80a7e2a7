import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** The flows in which services meet. */
const crossing = [
  'admin',
  'browser',
  'contract',
  'interleavings',
  'login-limits',
  'main-flow',
  'refresh',
  'revocation',
  'rotation',
  'sessions',
];

export default defineConfig({
  test: {
    globalSetup: ['kit/testing/postgres-setup.ts'],
    // An outcome decides, not a clock: these end what hangs, on a machine under load as well.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Vitest leaves a processor to itself, and much of a test is waiting: one more keeps both busy.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    // Files of a worker share what they import: importing it again took a quarter of the time.
    isolate: false,
    maxConcurrency: 20,
    reporters: ['default', './kit/testing/left-out.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'signet',
          include: ['{kit,services,cli,test,scripts}/**/*.test.ts'],
          provide: { shape: 'one process' },
        },
      },
      {
        // The same flows, through processes and sockets (test/shapes.ts).
        extends: true,
        test: {
          name: 'fleet',
          // Of what happens within one service, another process for it would tell nothing new.
          include: [`test/flows/{${crossing.join()}}.test.ts`],
          provide: { shape: 'fleet' },
        },
      },
    ],
  },
});
