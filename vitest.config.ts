import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** The flows in which services meet. */
const crossing = [
  'admin',
  'analytics',
  'browser',
  'cart',
  'contract',
  'interleavings',
  'login-limits',
  'main-flow',
  'order-watch',
  'payments',
  'refresh',
  'revocation',
  'rotation',
  'sessions',
];

/** Tests that start services as processes, or build and install packages. */
const withProcesses = ['test/{faults,packages,telemetry}/**/*.test.ts', 'test/attacks/departures{,.fleet}.test.ts'];

/** `npm test` runs the first two, `npm run test:all` every one. */
const projects = {
  unit: { include: ['{bench,cli,kit,scripts,services,web}/**/*.test.ts'], provide: { shape: 'one process' } },
  system: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/browser/**', ...withProcesses],
    provide: { shape: 'one process' },
  },
  faults: { include: withProcesses, provide: { shape: 'one process' } },
  browser: { include: ['test/browser/**/*.test.ts'], provide: { shape: 'one process' } },
  // The same flows with one process per service (test/shapes.ts). Flows within one service behave the same in its own
  // process.
  fleet: { include: [`test/flows/{${crossing.join()}}.test.ts`], provide: { shape: 'fleet' } },
} satisfies Record<string, TestProjectInlineConfiguration['test']>;

export default defineConfig({
  test: {
    globalSetup: ['kit/testing/postgres-setup.ts'],
    // These end what hangs. They are long, so that a loaded machine passes.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    pool: 'forks',
    // Tests wait much of their time: more workers than processors keep the processors busy.
    maxWorkers: Math.max(4, availableParallelism()),
    // The files of a worker share their imports, which took a quarter of the time otherwise.
    isolate: false,
    maxConcurrency: 20,
    reporters: ['default', ['./kit/testing/left-out.ts', { projects: Object.keys(projects) }]],
    projects: Object.entries(projects).map(([name, test]) => ({ extends: true, test: { name, ...test } })),
  },
});
