import { create, type MessageInitShape, setExtension } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { access, AccessSchema, type EdgeSchema } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { silentLog } from '#kit/log/log.ts';
import { madeMethod } from '#kit/rest/testing/made-method.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { edgeRuleOf } from './edge-rule.ts';
import { createService } from '#kit/service/stack.ts';

type Edge = MessageInitShape<typeof EdgeSchema>;

const made = (edge: Edge, serverStreaming = false) =>
  madeMethod({ rule: { pattern: { case: 'get', value: '/x' } }, input: [], edge, serverStreaming });

test('the defaults are no cookies or headers, 64 KiB and 15 s', () => {
  expect(edgeRuleOf(EchoService.method.private)).toEqual({
    cookies: [],
    setCookies: [],
    headers: [],
    maxRequestBytes: 65_536,
    timeoutMs: 15_000,
  });
});

test("reads a method's edge rule", () => {
  const { headers, cookies, setCookies } = edgeRuleOf(EchoService.method.echo);
  expect({ headers, cookies, setCookies }).toEqual({
    headers: ['accept-language', 'idempotency-key'],
    cookies: ['signet_rt', 'preferences'],
    setCookies: ['preferences'],
  });
  const { maxRequestBytes, timeoutMs } = edgeRuleOf(EchoService.method.create);
  expect([maxRequestBytes, timeoutMs]).toEqual([131_072, 500]);
});

test.each<[string, Edge]>([
  ['cookies has signet_at', { cookies: ['signet_at'] }],
  ['cookies has __Host-signet_rt', { cookies: ['__Host-signet_rt'] }],
  ['cookies has a duplicate name', { cookies: ['a', 'a'] }],
  ['set_cookies has a=b', { setCookies: ['a=b'] }],
  ['headers has authorization', { headers: ['authorization'] }],
  ['headers has cookie', { headers: ['cookie'] }],
  ['headers has Accept-Language', { headers: ['Accept-Language'] }],
  ['headers has x-signet-caller', { headers: ['x-signet-caller'] }],
  ['headers has x-forwarded-for', { headers: ['x-forwarded-for'] }],
  ['headers has x-request-id', { headers: ['x-request-id'] }],
  ['headers has transfer-encoding', { headers: ['transfer-encoding'] }],
  ['headers has grpc-timeout', { headers: ['grpc-timeout'] }],
  ['max_request_bytes is not within 0 to 4194304', { maxRequestBytes: -1 }],
  ['max_request_bytes is not within 0 to 4194304', { maxRequestBytes: 4_194_305 }],
  ['timeout is not above 0', { timeout: { seconds: 0n } }],
  ['at most 10 minutes', { timeout: { seconds: 600n, nanos: 1_000_000 } }],
])('refuses a rule where %s', (fault, edge) => {
  expect(() => edgeRuleOf(made(edge))).toThrow(fault);
});

test('refuses a timeout on a stream', () => {
  expect(() => edgeRuleOf(made({ timeout: { seconds: 1n } }, true))).toThrow('timeout is for unary methods only');
});

test('accepts the maximum message size and timeout', () => {
  const { maxRequestBytes, timeoutMs } = edgeRuleOf(made({ maxRequestBytes: 4_194_304, timeout: { seconds: 600n } }));
  expect([maxRequestBytes, timeoutMs]).toEqual([4_194_304, 600_000]);
});

test('a service with an invalid edge rule does not start', () => {
  const start = (edge: Edge) => {
    const method = made(edge);
    setExtension(method.proto.options!, access, create(AccessSchema, { rule: { case: 'public', value: {} } }));
    return createService({
      mounted: [{ desc: method.parent, impl: {} }],
      checks: [],
      ready: async () => undefined,
      reflection: false,
      log: silentLog,
      metrics: noMetrics,
    });
  };
  expect(() => start({ cookies: ['signet_rt'] })).not.toThrow();
  expect(() => start({ cookies: ['signet_at'] })).toThrow('cookies has signet_at');
});
