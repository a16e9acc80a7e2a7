import { Code, createRouterTransport } from '@connectrpc/connect';
import { decodeJwt } from 'jose';
import { beforeEach, expect, test } from 'vitest';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { errorOf } from './error.ts';
import { createServiceIdentity, type ServiceIdentity } from './service-identity.ts';

const refusal = { code: Code.Unauthenticated, status: 401, title: "The service's assertion is not valid." };
/** How far the auth service's clock is ahead of this machine's, ms. */
let ahead: number;
let requests: number;
/** Whether the refusal has the auth service's time. */
let tells: boolean;
let identity: ServiceIdentity;

beforeEach(() => {
  [ahead, requests, tells] = [0, 0, true];
  const transport = createRouterTransport(({ service }) =>
    service(ServiceTokenService, {
      issueServiceToken({ clientAssertion }) {
        requests += 1;
        const now = Date.now() + ahead;
        const { iat = 0, exp = 0 } = decodeJwt(clientAssertion);
        if (iat * 1_000 > now + 5_000 || exp * 1_000 < now - 5_000) {
          const metadata = tells ? { server_time: new Date(now).toISOString() } : {};
          throw errorOf('INVALID_CLIENT', refusal, { metadata });
        }
        return { accessToken: `token ${requests}`, tokenType: 'Bearer', expiresIn: 900 };
      },
    }),
  );
  identity = createServiceIdentity({ name: 'cart', key: generateServiceKey().key, issuer: 'http://id', transport });
});

test.each([8_000, 40_000, -40_000, 86_400_000])(
  'gets a token from an auth service whose clock differs by %d ms, and keeps its time',
  async (difference) => {
    // Behind by less than the life of an assertion, the first request is accepted.
    ahead = difference;
    const token = await identity.token();
    const first = requests;
    expect([token, first]).toEqual([`token ${first}`, difference === 8_000 ? 1 : 2]);
    // A token that is younger than a second is kept.
    await expect.poll(() => identity.refused(token)).toBe(true);
    expect([await identity.token(), requests]).toEqual([`token ${first + 1}`, first + 1]);
  },
);

test('does not repeat a request that is refused for another reason', async () => {
  [ahead, tells] = [-40_000, false];
  await expect(identity.token()).rejects.toThrow("The service's assertion is not valid.");
  expect(requests).toBe(1);
});

test('does not repeat a request for ever', async () => {
  let calls = 0;
  const transport = createRouterTransport(({ service }) =>
    service(ServiceTokenService, {
      issueServiceToken() {
        calls += 1;
        throw errorOf('INVALID_CLIENT', refusal, { metadata: { server_time: new Date().toISOString() } });
      },
    }),
  );
  const refused = createServiceIdentity({
    name: 'cart',
    key: generateServiceKey().key,
    issuer: 'http://id',
    transport,
  });
  await expect(refused.token()).rejects.toThrow("The service's assertion is not valid.");
  expect(calls).toBe(2);
});
