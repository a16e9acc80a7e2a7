import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { noSchemas } from './no-schemas.ts';

const object = { type: 'object' };

test.each([{ body: object }, { querystring: object }, { response: { 200: object } }])(
  'a server without schemas does not start with a route that has %j',
  async (schema) => {
    const fastify = Fastify(noSchemas);
    fastify.post('/', { schema }, async () => ({}));
    await expect(fastify.ready()).rejects.toThrow('no JSON Schemas');
  },
);
