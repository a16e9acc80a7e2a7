import { cpus, totalmem, release, version } from 'node:os';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** The machine of a run. */
export interface Machine {
  readonly cores: number;
  readonly model: string;
  /** GiB. */
  readonly memory: number;
  readonly system: string;
  readonly node: string;
  /** Cores used by other processes in the second before the run. */
  readonly busyBefore: number;
}

/** Describes this machine. Takes a second. */
export async function describeMachine(): Promise<Machine> {
  const before = busyTime();
  await delay(1_000);
  return {
    cores: cpus().length,
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memory: Math.round(totalmem() / 2 ** 30),
    system: systemName(),
    node: process.version,
    busyBefore: (busyTime() - before) / 1_000_000,
  };
}

/** Total busy time of all cores since boot, µs; resolution 10 ms. */
export function busyTime(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0) * 1_000;
}

function systemName(): string {
  if (!existsSync('/etc/os-release')) return `${version()} ${release()}`;
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  return `${name}, Linux ${release()}`;
}
