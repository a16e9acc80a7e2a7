import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, ask, openSystem, type Person, type System } from '../system.ts';

let system: System;
let person: Person;
const queue = 20;
const attempts = 80;
beforeAll(async () => {
  // More expensive hashes than the default, so that requests arrive faster than any machine hashes. The queue is short
  // enough to drain within the deadline of a request.
  system = await openSystem({
    hashing: 'real',
    env: { SIGNET_ARGON2_MEMORY: '65536', SIGNET_HASH_QUEUE: String(queue) },
  });
  person = await system.person();
});
afterAll(() => system.close());

test('a full sign-in queue refuses with 429 and Retry-After and does not delay health checks and refreshes', async () => {
  const { email, password } = person;
  let answered = 0;
  const storm: Promise<Answer>[] = Array.from({ length: attempts }, async () => {
    const answer = await system.rest('POST', '/auth/login', { body: { email, password } });
    answered++;
    if (answer.json.access_token) system.secret(answer.json.access_token);
    return answer;
  });
  // Refused requests get their response first; from then on the queue is full.
  await expect.poll(() => answered, { interval: 5 }).toBeGreaterThan(20);
  const health = await ask(`${system.edge}/health`, 'GET');
  const refreshed = await system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
  const profile = await system.rest('GET', '/users/profile', { token: refreshed.json.access_token });
  const stillWaiting = attempts - answered;
  expect([health.status, refreshed.status, profile.status]).toEqual([200, 200, 200]);
  expect(stillWaiting).toBeGreaterThan(10);

  const answers = await Promise.all(storm);
  const busy = answers.filter(({ status }) => status === 429);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
  expect(answers.length - busy.length).toBeGreaterThanOrEqual(queue);
  for (const { json, headers } of busy) {
    expect(json.code).toBe('SERVER_BUSY');
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  }
});
