import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessOf } from '#kit/guard/access.ts';
import { isOnEdge } from '../../services/edge/upstream.ts';
import { serviceNames } from '../../services/registry.ts';
import { admin, ask, openSystem, type System } from '../system.ts';
import { registryMethods, requestWith, textFieldsOf } from './registry.ts';

/** Sends a secret in every field of every public method. */

let system: System;
let token: string;
beforeAll(async () => {
  system = await openSystem({ services: serviceNames });
  token = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
});
afterAll(() => system.close());

const methods = registryMethods
  .map(({ method }) => method)
  .filter((method) => isOnEdge(method) && method.methodKind === 'unary' && textFieldsOf(method).length > 0);

/** A secret alone, and one longer than any field: a refusal must not quote it either. */
const forms: ((secret: string) => string)[] = [(secret) => secret, (secret) => secret.repeat(100)];

describe.each(methods.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))(
  '%s',
  (path, method) => {
    test.each(textFieldsOf(method))('does not log a secret in %s or repeat it in a refusal', async (field) => {
      for (const form of forms) {
        const secret = `s3cr3t-${randomBytes(12).toString('hex')}`;
        const body = requestWith(method, field, form(secret));
        const credentials = accessOf(method) === 'public' ? {} : { token };
        const { status, text } = await ask(`${system.edge}/${path}`, 'POST', { body, ...credentials });
        const refusal = status >= 400 ? text.replace(/"instance":"[^"]*"/, '') : '';
        expect(refusal + system.logged()).not.toContain(secret);
      }
    });
  },
);
