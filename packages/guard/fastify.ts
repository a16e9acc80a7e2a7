// The gate of plain Fastify routes: @signet/guard/fastify.
export { fastifyGate, identityOfRequest, userOfRequest } from '../../kit/guard/fastify.ts';
