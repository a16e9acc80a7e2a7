// Serves one public key with plain Fastify, for bench/compare/fetched-key.ts.
import Fastify from 'fastify';

const pem = process.env['PEM'] ?? '';
const app = Fastify();
app.get('/public-key', (_, reply) => reply.type('text/plain').send(pem));
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
process.on('SIGTERM', () => process.exit(0));
