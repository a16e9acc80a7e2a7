import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { every, type Work } from '#kit/work/work.ts';
import type { Notice } from '../../domain/provider.ts';

/** Receives a webhook. */
export type Deliver = (body: Uint8Array, signature: string) => Promise<void>;

/** The webhooks of the sandbox. */
export interface Webhooks {
  /** Queues a webhook. */
  notify(key: string): void;
  /** Reads a webhook. @throws Error if the signature is wrong */
  receive(body: Uint8Array, signature: string): Notice;
  /** Delivers queued webhooks as an unfriendly provider does: each twice, in random order. */
  readonly work: Work;
}

/** Time for which webhooks are collected, ms: so that they can be out of order. */
const collectMs = 200;

/** Creates the webhooks of the sandbox. The key of their signatures is random, because they do not leave the process. */
export function createWebhooks(deliver: Deliver): Webhooks {
  const secret = randomBytes(32);
  const sign = (body: Uint8Array) => createHmac('sha256', secret).update(body).digest();
  let queue: string[] = [];
  const work = every('deliver webhooks of the sandbox', collectMs, async (signal) => {
    const keys = shuffled([...queue, ...queue]);
    queue = [];
    for (const key of keys) {
      if (signal.aborted) return;
      const body = Buffer.from(JSON.stringify({ key }));
      await deliver(body, sign(body).toString('hex'));
    }
  });
  return {
    work,
    notify: (key) => void queue.push(key),
    receive(body, signature) {
      const [given, expected] = [Buffer.from(signature, 'hex'), sign(body)];
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw new Error('the signature of a webhook is wrong');
      }
      return JSON.parse(Buffer.from(body).toString()) as Notice;
    },
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
