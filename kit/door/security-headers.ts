import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import Fastify from 'fastify';

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

/**
 * Returns the security headers of every response. Helmet computes them once, at start,
 * because they never change: per request it would cost more than the guard.
 */
export async function securityHeaders(): Promise<[string, string][]> {
  const sample = Fastify();
  await sample.register(helmet, options);
  sample.get('/', (_, reply) => reply.send(''));
  const { headers } = await sample.inject('/');
  await sample.close();
  return Object.entries(headers)
    .filter(([name]) => !specific.test(name))
    .map(([name, value]) => [name, String(value)]);
}
