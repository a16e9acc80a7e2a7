import { beforeEach, expect, test } from 'vitest';
import { createServerTime, type ServerTime } from './server-time.ts';

const day = 86_400_000;
let monotonic: number;
let wall: number;
let time: ServerTime;
beforeEach(() => {
  [monotonic, wall] = [1_000, 50 * day];
  time = createServerTime({ monotonic: () => monotonic, wall: () => wall });
});

/** Lets time pass on both clocks of the machine. */
function pass(ms: number): void {
  monotonic += ms;
  wall += ms;
}

test("is this machine's time before the first sample", () => {
  expect([time.now(), time.skew()]).toEqual([wall, 0]);
});

test("is the server's time after a sample, and continues", () => {
  const server = wall + 40_000;
  time.sample(server);
  pass(500);
  expect([time.now(), time.skew()]).toEqual([server + 500, -40]);
});

test("does not change when this machine's clock is set", () => {
  const server = wall;
  time.sample(server);
  wall += day;
  expect([time.now(), time.skew()]).toEqual([server, 86_400]);
  wall -= 2 * day;
  expect([time.now(), time.skew()]).toEqual([server, -86_400]);
});

test('the sample with the lowest latency counts', () => {
  const server = wall;
  const latencies = [900, 20, 2_900, 300];
  for (const latency of latencies) time.sample(server - latency);
  expect(time.now()).toBe(server - 20);
});

test('follows a clock of the server that runs slower, once old samples are gone', () => {
  time.sample(wall);
  for (let count = 0; count < 8; count++) time.sample(wall - 100);
  expect(time.now()).toBe(wall - 100);
});

test("follows at once when the server's clock is set forward or back", () => {
  const server = wall;
  time.sample(server);
  time.sample(server + day);
  expect(time.now()).toBe(server + day);
  time.sample(server);
  expect(time.now()).toBe(server);
});
