import type { FastifyServerOptions } from 'fastify';

function refuse(): never {
  throw new Error('this server has no JSON Schemas: methods are validated by the rules of the contract');
}

/**
 * Options of Fastify for a server whose routes have no JSON Schema; a route with one does not start. Fastify loads its
 * schema compilers otherwise, which cost more than the rest of it.
 */
export const noSchemas = {
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } },
} satisfies FastifyServerOptions;
