import { create, fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RevocationSchema, WatchResponseSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import type { EncodedRevocations, RevocationLog } from '../rules.ts';
import { createRevocationLog } from './log.ts';

const now = 1_800_000_000;

function entry(number: number, expiresAt = now + 3_610) {
  const target = { case: 'sessionId' as const, value: `session ${number}` };
  return {
    sequence: BigInt(number),
    id: `entry ${number}`,
    revocation: create(RevocationSchema, { target, expiresAt }),
  };
}
const entries = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => entry(from + index));

/** The numbers of the revocations of a page. */
function numbersIn({ encoded }: EncodedRevocations): number[] {
  const { revocations } = fromBinary(WatchResponseSchema, encoded);
  return revocations.map(({ target }) => Number(target.value?.slice('session '.length)));
}

/** Reads a log as a watcher does: the pages after a sequence. */
function pagesAfter(log: RevocationLog, sequence: number): number[][] {
  const pages: number[][] = [];
  for (let at = BigInt(sequence), page; (page = log.after(at)); at = page.sequence) {
    pages.push(numbersIn(page));
    expect([page.sequence, page.id]).toEqual([BigInt(pages.at(-1)?.at(-1) ?? 0), `entry ${page.sequence}`]);
  }
  return pages;
}
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test.each([1, 7, 2_000, 2_001, 5_000])('has each revocation once and in order, appended %i at a time', (size) => {
  const log = createRevocationLog();
  for (let from = 1; from <= 5_000; from += size) log.append(entries(from, Math.min(5_000, from + size - 1)), now);
  expect(pagesAfter(log, 0)).toEqual([range(1, 2_000), range(2_001, 4_000), range(4_001, 5_000)]);
});

test('a watcher within a page gets the rest of it', () => {
  const log = createRevocationLog();
  log.append(entries(1, 2_500), now);
  for (const at of [1, 1_998, 1_999, 2_000, 2_499]) expect(pagesAfter(log, at).flat()).toEqual(range(at + 1, 2_500));
  expect([log.after(2_500n), log.after(9_999n)]).toEqual([undefined, undefined]);
});

test('watchers at one place get the same bytes, also after others at other places', () => {
  const log = createRevocationLog();
  log.append(entries(1, 10), now);
  const first = log.after(4n);
  expect(log.after(4n)?.encoded).toBe(first?.encoded);
  expect(log.after(7n) && numbersIn(log.after(7n)!)).toEqual(range(8, 10));
  expect(log.after(4n)).toEqual(first);
  log.append(entries(11, 12), now);
  expect(pagesAfter(log, 4)).toEqual([range(5, 12)]);
});

test('a page that a watcher holds does not change when more are appended', () => {
  const log = createRevocationLog();
  log.append(entries(1, 10), now);
  const held = log.after(4n);
  log.append(entries(11, 20), now);
  expect(held && numbersIn(held)).toEqual(range(5, 10));
  expect(pagesAfter(log, 10)).toEqual([range(11, 20)]);
});

test('numbers may be missing, because their entries had expired', () => {
  const log = createRevocationLog();
  const left = [3, 4, 8, 9, 10];
  log.append([entry(3), entry(4)], now);
  log.append([entry(8), entry(9)], now);
  log.append([entry(10)], now);
  for (const at of range(0, 10)) expect(pagesAfter(log, at).flat()).toEqual(left.filter((number) => number > at));
});

test('drops pages that have expired, and keeps the entry of a key without its neighbours', () => {
  const log = createRevocationLog();
  log.append([...entries(1, 5), entry(6, now + 90 * 86_400), ...entries(7, 9)], now);
  log.append([entry(10, now + 7_000)], now + 3_609);
  expect(pagesAfter(log, 0).flat(), 'a second before').toEqual(range(1, 10));
  log.append([entry(11, now + 7_000)], now + 3_610);
  expect(pagesAfter(log, 0).flat()).toEqual([6, 10, 11]);
  expect(pagesAfter(log, 3).flat(), 'a watcher at an entry that was dropped').toEqual([6, 10, 11]);
});

test('knows the ids at the ends of its pages', () => {
  const log = createRevocationLog();
  log.append(entries(1, 2_001), now);
  expect([2_000n, 2_001n, 1_999n, 2_002n].map((at) => log.idAt(at))).toEqual([
    'entry 2000',
    'entry 2001',
    undefined,
    undefined,
  ]);
});
