import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import Fastify from 'fastify';
import { noSchemas } from '#kit/net/no-schemas.ts';

/** Options for data responses. Routes of pages set their own policy. */
const options: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
  },
  crossOriginResourcePolicy: { policy: 'same-site' },
  frameguard: { action: 'deny' },
  referrerPolicy: { policy: 'no-referrer' },
  strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: true },
};

/** Headers that are specific to the sample response. */
const specific = /^(content-length|content-type|connection|date|keep-alive)$/;

let computed: Promise<readonly [string, string][]> | undefined;

/**
 * Returns the security headers of every response. Helmet computes them once, at start,
 * because they never change: per request it would cost more than the guard.
 */
export function securityHeaders(): Promise<readonly [string, string][]> {
  return (computed ??= compute());
}

async function compute(): Promise<[string, string][]> {
  const sample = Fastify(noSchemas);
  await sample.register(helmet, options);
  sample.get('/', (_, reply) => reply.send(''));
  const { headers } = await sample.inject('/');
  await sample.close();
  return Object.entries(headers)
    .filter(([name]) => !specific.test(name))
    .map(([name, value]) => [name, String(value)]);
}
