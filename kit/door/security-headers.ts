import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import Fastify from 'fastify';

/** For answers that are data. A route that serves pages sets a policy of its own. */
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

/** Headers of the sample answer that are about that answer. */
const ofTheSample = /^(content-length|content-type|connection|date|keep-alive)$/;

/**
 * The security headers of every answer. They are helmet's, and the same each
 * time, so helmet is asked once, at start: per request it would cost more than
 * the guard does.
 */
export async function securityHeaders(): Promise<[string, string][]> {
  const sample = Fastify();
  await sample.register(helmet, options);
  sample.get('/', (_, reply) => reply.send(''));
  const { headers } = await sample.inject('/');
  await sample.close();
  return Object.entries(headers)
    .filter(([name]) => !ofTheSample.test(name))
    .map(([name, value]) => [name, String(value)]);
}
