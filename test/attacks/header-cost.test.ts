import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { maxHeaderBytes } from '#kit/contract/limits.ts';
import { openSystem, type System } from '../system.ts';
import { portOf, requestText } from './wire.ts';

// The CPU cost of headers before authentication. The test compares costs of different lengths, so the speed of the
// machine does not matter.

/** Headers that are read before authentication, and one that is never read. */
const names = [
  'authorization',
  'cookie',
  'x-signet-caller',
  'x-signet-peer',
  'x-csrf-token',
  'x-request-id',
  'x-forwarded-for',
  'x-nothing-reads-this',
  'traceparent',
  'tracestate',
  'user-agent',
  'origin',
  'sec-fetch-site',
  'accept',
  'accept-encoding',
  'if-none-match',
  'content-type',
  'content-encoding',
  'connect-timeout-ms',
  'grpc-timeout',
  'grpc-accept-encoding',
  'idempotency-key',
];

/** Start, repeated fill and end of a header value that make patterns backtrack. */
const fills: readonly [string, string, string][] = [
  ['Bearer', ' ', 'x y'],
  ['Bearer x', '\t', 'y'],
  ['', 'a', '!'],
  ['', 'a ', '\\'],
  ['', ',', 'x'],
  ['', ', ', 'x'],
  ['', ';', '='],
  ['signet_at', '=a; signet_at', '='],
  ['"', '"', 'x'],
  ['W/', '"W/', 'x'],
  ['[', '1.', ':]'],
  ['0', '0', 'm!'],
  ['eyJhbGciOiJSUzI1NiJ9.', 'AAAA', '.='],
  ['%', '%', '%'],
];

/** Lengths in characters. The longest is below the limit for all headers. */
const lengths = [1_000, 2_000, 4_000, 8_000, 15_000];

let system: System;
let client: Client;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_LOG_LEVEL: 'silent' } });
  client = await openClient(portOf(system.edge));
});
afterAll(async () => {
  client.close();
  await system.close();
});

/** A connection that sends requests one after the other. */
interface Client {
  ask(text: string): Promise<void>;
  close(): void;
}

async function openClient(port: number): Promise<Client> {
  const socket: Socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  return {
    ask: (text) =>
      new Promise((resolve, reject) => {
        let answer = '';
        const read = (chunk: Buffer): void => {
          answer += chunk.toString('latin1');
          const end = answer.indexOf('\r\n\r\n');
          const length = /content-length: (\d+)/i.exec(answer)?.[1];
          if (end < 0 || length === undefined || answer.length < end + 4 + Number(length)) return;
          socket.off('data', read).off('close', reject);
          resolve();
        };
        socket.on('data', read);
        socket.once('close', reject);
        socket.write(text, 'latin1');
      }),
    close: () => socket.destroy(),
  };
}

/** CPU time of a request with a header of the given length, of the whole process, in microseconds. */
async function costOf(
  name: string,
  [start, fill, end]: (typeof fills)[number],
  length: number,
  rounds = 5,
): Promise<number> {
  const repeated = fill.repeat(Math.ceil(length / fill.length));
  const value = start + repeated.slice(0, length - start.length - end.length) + end;
  const text = requestText('GET', '/api/v1/users/profile', { headers: [`${name}: ${value}`] }).replace(
    'Connection: close',
    'Connection: keep-alive',
  );
  const before = process.cpuUsage();
  for (let times = 0; times < rounds; times++) await client.ask(text);
  const { user, system: kernel } = process.cpuUsage(before);
  return (user + kernel) / rounds;
}

/**
 * The least cost at each length, of `rounds` measurements. Other work of the process only adds to a measurement, and a
 * round over all lengths spreads it over all of them.
 */
async function leastCosts(
  at: readonly number[],
  rounds: number,
  costAt: (length: number) => Promise<number>,
): Promise<number[]> {
  const least = at.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [index, length] of at.entries()) least[index] = Math.min(least[index]!, await costAt(length));
  }
  return least;
}

test.each(names)('the cost of %s grows at most linearly with its length', async (name) => {
  const wrong: string[] = [];
  for (const fill of fills) {
    const seen: number[] = [];
    for (const length of lengths) seen.push(await costOf(name, fill, length));
    if (Math.max(...seen) < seen[0]! * 2.5) continue;
    const costs = await leastCosts(lengths, 9, (length) => costOf(name, fill, length, 20));
    const doublings = costs.slice(1).map((cost, index) => cost / costs[index]!);
    if (Math.max(...doublings) > 2.5 || costs.at(-1)! > costs[0]! * 10) {
      wrong.push(`${JSON.stringify(fill)}: ${costs.map((cost) => Math.round(cost)).join(', ')} µs`);
    }
  }
  expect(wrong).toEqual([]);
});

test.each([
  ['the auth service', () => system.authGrpcPort, '/signet.auth.v1.AuthService/Login'],
  ['the user service', () => system.userPort, '/signet.user.v1.UserService/GetProfile'],
])('metadata over the header limit is refused at %s, and its cost grows at most linearly', async (...at) => {
  const [, port, path] = at;
  const session = connectHttp2(`http://127.0.0.1:${port()}`);
  const costAt = async (length: number) => {
    const before = process.cpuUsage();
    const status = await callWith(session, path, `Bearer${' '.repeat(length)}x y`);
    const { user, system: kernel } = process.cpuUsage(before);
    // RESOURCE_EXHAUSTED over the limit; below it, the message or the token is refused.
    expect(status === 8).toBe(length > maxHeaderBytes);
    return user + kernel;
  };
  await costAt(1_000);
  const costs = await leastCosts([5_000, 10_000, 20_000, 40_000], 15, costAt);
  expect(costs.at(-1)! / costs[0]!, costs.join()).toBeLessThan(10);
  session.destroy();
});

function callWith(session: ClientHttp2Session, path: string, authorization: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization,
    });
    let status = -1;
    const note = (headers: Record<string, unknown>): void => {
      if ('grpc-status' in headers) status = Number(headers['grpc-status']);
    };
    stream.on('response', note).on('trailers', note).on('error', reject);
    stream.on('close', () => resolve(status));
    stream.resume();
    stream.end(Buffer.alloc(5));
  });
}
