import { describe, expect, test } from 'vitest';
import { cpuBetween, databaseOf, type PostgresCpu } from './postgres.ts';

const reading = (total: number, ...processes: [pid: number, cpu: number, database?: string][]): PostgresCpu => ({
  total,
  processes: new Map(processes.map(([pid, cpu, database]) => [pid, { cpu, database }])),
});

describe('the CPU time of PostgreSQL', () => {
  const before = reading(100, [1, 10], [2, 20, 'a'], [3, 30, 'b'], [4, 40, 'a']);
  // The backend 4 has ended, and 5 has begun.
  const after = reading(180, [1, 15], [2, 40, 'a'], [3, 60, 'b'], [5, 7, 'a']);

  test('is that of all processes, including ended ones', () => {
    expect(cpuBetween(before, after)).toBe(80);
  });

  test('of a database is that of its running backends and of the processes for all databases', () => {
    expect(cpuBetween(before, after, 'a')).toBe(5 + 20 + 7);
    expect(cpuBetween(before, after, 'b')).toBe(5 + 30);
    expect(cpuBetween(before, after, 'c')).toBe(5);
  });
});

test.each([
  ['postgres: signet bench_rest_1 127.0.0.1(39560) idle in transaction', 'bench_rest_1'],
  ['postgres: signet bench_rest_1 127.0.0.1(39560)', 'bench_rest_1'],
  ['postgres: signet bench_rest_1 [local] SELECT', 'bench_rest_1'],
  ['postgres: checkpointer ', undefined],
  ['postgres: io worker 0', undefined],
  ['postgres: autovacuum worker bench_rest_1', 'bench_rest_1'],
  ['postgres: autovacuum launcher', undefined],
  ['postgres: parallel worker for PID 12', undefined],
  ['', undefined],
])('the title %j names the database %s', (title, database) => {
  expect(databaseOf(title)).toBe(database);
});
