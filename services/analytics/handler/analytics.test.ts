import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { TrackEventsRequestSchema } from '#gen/proto/signet/analytics/v1/analytics_service_pb.ts';
import { assertValid } from '#kit/contract/validation.ts';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';

/** The limits of the contract. test/flows/analytics.test.ts has those over REST. */

type Sent = NonNullable<MessageInitShape<typeof TrackEventsRequestSchema>['events']>[number];

const faultOf = (...events: Sent[]) => {
  try {
    assertValid(TrackEventsRequestSchema, create(TrackEventsRequestSchema, { events }));
    return 'valid';
  } catch (error) {
    return [reasonOf(error), ...violationsOf(error).map(({ field }) => field)].join(' ');
  }
};
const properties = (count: number, key = 'k', value = 'v') =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${key}${count > 1 ? index : ''}`, value]));

test.each<[string, Sent, Sent]>([
  ['64 characters in a name', { name: 'a'.repeat(64) }, { name: 'a'.repeat(65) }],
  ['1 character in a name', { name: 'a' }, { name: '' }],
  ['a letter first in a name', { name: 'a1_.' }, { name: '1a' }],
  ['lower case in a name', { name: 'page.viewed' }, { name: 'Page.viewed' }],
  ['20 properties', { name: 'a', properties: properties(20) }, { name: 'a', properties: properties(21) }],
  [
    '200 characters in a value',
    { name: 'a', properties: properties(1, 'k', '\u{1F600}'.repeat(200)) },
    { name: 'a', properties: properties(1, 'k', 'v'.repeat(201)) },
  ],
  [
    '200 characters in a key',
    { name: 'a', properties: properties(1, 'k'.repeat(200)) },
    { name: 'a', properties: properties(1, 'k'.repeat(201)) },
  ],
  ['an empty value', { name: 'a', properties: { k: '' } }, { name: 'a', properties: { '': 'v' } }],
  ['a line break in a value', { name: 'a', properties: { k: '\n' } }, { name: 'a', properties: { k: '\0' } }],
])('takes %s, and not one past it', (_, at, past) => {
  expect(faultOf(at)).toBe('valid');
  expect(faultOf({ name: 'ok' }, past)).toMatch(/^INVALID_ARGUMENT events\[1\]\./);
});

test('takes 100 events, and not 101', () => {
  const events = Array.from({ length: 101 }, () => ({ name: 'a' }));
  expect(faultOf(...events.slice(1))).toBe('valid');
  expect(faultOf(...events)).toBe('INVALID_ARGUMENT events');
});
