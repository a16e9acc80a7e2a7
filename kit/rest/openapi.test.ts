import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { openApiOf } from './openapi.ts';

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags: string[];
  readonly security: unknown[];
  readonly parameters?: { name: string; in: string; required?: boolean; schema: unknown; description?: string }[];
  readonly requestBody?: unknown;
  readonly responses: Record<string, unknown>;
}

interface Document {
  readonly openapi: string;
  readonly info: unknown;
  readonly servers: unknown;
  readonly tags: unknown;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, Record<string, unknown>>; securitySchemes: unknown };
}

const comments = JSON.parse(readFileSync(new URL('../../gen/comments.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;
const reasons = JSON.parse(readFileSync(new URL('../../gen/reasons.json', import.meta.url), 'utf8')) as Record<
  string,
  { status: number; title: string }
>;
const real = openApiOf([AuthService, UserService], {
  title: 'Signet',
  version: '1',
  servers: ['http://localhost:8080'],
  comments,
  reasons,
}) as unknown as Document;
const ofAdmins = openApiOf([AdminService], { title: 'Signet', version: '1', comments, reasons }) as unknown as Document;
const echo = openApiOf([EchoService], { title: 'Echo', version: '1' }) as unknown as Document;

const operations = (document: Document): Operation[] =>
  Object.values(document.paths).flatMap((item) => Object.values(item));

describe('openApiOf', () => {
  it.each([
    ['our services', real],
    ['every shape of call', echo],
  ])('creates a valid OpenAPI 3.1 document of %s', async (_, document) => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document) as unknown as Record<string, unknown>);
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it.each([
    ['our services', real],
    ['every shape of call', echo],
  ])('has no dangling reference in %s', (_, document) => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(refs.length).toBeGreaterThan(0);
    expect(refs.filter((name) => !Object.hasOwn(document.components.schemas, name ?? ''))).toEqual([]);
  });

  it('names each operation once, and all parameters of a path', () => {
    for (const document of [real, echo]) {
      const ids = operations(document).map(({ operationId }) => operationId);
      expect(new Set(ids).size).toBe(ids.length);
      for (const [path, item] of Object.entries(document.paths)) {
        const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
        for (const { parameters = [] } of Object.values(item)) {
          expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(named);
        }
      }
    }
  });

  it('has a path for every binding, including verbs', () => {
    expect(Object.keys(echo.paths)).toEqual(
      expect.arrayContaining([
        '/v1/echo',
        '/v1/echo/{text}',
        '/v1/echo/{text}:shout',
        '/v1/files/dir/{text}',
        '/v1/count/{to}:watch',
      ]),
    );
    expect(real.paths['/api/v1/auth/signup']?.['post']?.operationId).toBe('AuthService_Register_2');
  });

  it('describes a method by its comment and tags it with its service', () => {
    expect(real.paths['/api/v1/auth/login']?.['post']).toMatchObject({
      operationId: 'AuthService_Login',
      summary: 'Checks a password and opens a session',
      tags: ['AuthService'],
    });
    expect(real.tags).toContainEqual({ name: 'UserService', description: comments['signet.user.v1.UserService'] });
    expect(JSON.stringify(operations(real).map(({ description }) => description))).not.toContain('Errors:');
  });

  it('lists the errors of the comment by status', () => {
    const { responses } = real.paths['/api/v1/auth/login']!['post']!;
    expect(Object.keys(responses)).toEqual(['200', '400', '401', '429', 'default']);
    expect(JSON.stringify(responses['401'])).toContain('"enum":["INVALID_CREDENTIALS"]');
  });

  it("shows the method's example in body, path and query", () => {
    const login = real.paths['/api/v1/auth/login']!['post']!;
    expect(login.requestBody).toMatchObject({
      content: { 'application/json': { example: { email: 'ada@example.com', device_label: 'Phone' } } },
    });
    const grant = ofAdmins.paths['/api/v1/admin/users/{user_id}/roles/{role}']!['put']!;
    expect(grant.parameters).toMatchObject([
      { name: 'user_id', example: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      { name: 'role', example: 'support' },
    ]);
    expect(grant.requestBody).toMatchObject({ content: { 'application/json': { example: {} } } });
    const list = ofAdmins.paths['/api/v1/admin/users']!['get']!;
    const examples = Object.fromEntries(
      list.parameters!.map((one) => [one.name, (one as { example?: unknown }).example]),
    );
    expect(examples).toMatchObject({ page_size: 20, role: 'admin', page_token: undefined });
    expect(JSON.stringify(echo.paths)).not.toContain('"example"');
  });

  it('throws on a comment that lists an unknown reason', () => {
    const wrong = { 'signet.auth.v1.AuthService.Login': 'Signs in.\n\nErrors: NO_SUCH_REASON.' };
    expect(() => openApiOf([AuthService], { title: '', version: '', comments: wrong })).toThrow(
      'Login: its comment lists the unknown reason NO_SUCH_REASON',
    );
  });

  it("documents the access rule and the guard's errors", () => {
    const open = echo.paths['/v1/echo']!['post']!;
    expect(open.security).toEqual([]);
    expect(open).toMatchObject({ 'x-signet-access': { public: {} } });
    const admin = echo.paths['/v1/admin']!['get']!;
    expect(admin.security).toEqual([{ bearerAuth: [] }, { cookieAuth: [] }]);
    expect(admin).toMatchObject({ 'x-signet-access': { authenticated: { roles: ['admin', 'support'] } } });
    expect(Object.keys(admin.responses)).toEqual(['200', '400', '401', '403', '503', 'default']);
    expect(JSON.stringify(echo.paths['/v1/fresh']!['get']!.responses['401'])).toContain('REAUTHENTICATION_REQUIRED');
    expect(JSON.stringify(admin.responses['503'])).toContain('REVOCATIONS_STALE');
  });

  it('converts rules to constraints', () => {
    expect(real.components.schemas['signet.auth.v1.RegisterRequest']).toMatchObject({
      additionalProperties: false,
      required: ['email', 'password', 'name'],
      properties: {
        email: { type: 'string', format: 'email', maxLength: 254 },
        password: { minLength: 1, maxLength: 1024 },
        name: { minLength: 1, maxLength: 100, pattern: expect.any(String) },
        role: { enum: ['user', 'raider'] },
      },
    });
    expect(real.paths['/api/v1/auth/register']!['post']!.requestBody).toMatchObject({ required: true });
    expect(real.paths['/api/v1/auth/logout']!['post']!.requestBody).toMatchObject({ required: false });
    const [to] = echo.paths['/v1/count/{to}:watch']!['get']!.parameters ?? [];
    expect(to?.schema).toEqual({ type: 'integer', format: 'int32', minimum: 0, maximum: 100000 });
  });

  it('keeps proto field names and describes fields', () => {
    const { properties } = real.components.schemas['signet.auth.v1.TokenResponse']!;
    expect(properties).toMatchObject({
      access_token: { type: 'string', description: comments['signet.auth.v1.TokenResponse.access_token'] },
      expires_in: { type: 'integer', format: 'int32' },
      user: { $ref: '#/components/schemas/signet.auth.v1.User' },
    });
    expect(real.components.schemas['signet.auth.v1.User']!['properties']).toMatchObject({
      created_at: { type: 'string', format: 'date-time' },
      roles: { type: 'array', items: { type: 'string' } },
    });
  });

  it('documents query parameters once, and none with body "*"', () => {
    const names = (operation?: Operation) => (operation?.parameters ?? []).map((each) => `${each.in} ${each.name}`);
    expect(names(echo.paths['/v1/echo/{text}']!['get'])).toEqual([
      'path text',
      'query nested.label',
      'query nested.weight',
      'query numbers',
      'query wait',
      'query fail',
      'query colors',
      'query flag',
      'query big',
      'header accept-language',
      'header idempotency-key',
    ]);
    expect(names(echo.paths['/v1/private']!['post'])).toEqual([]);
  });

  it('documents each kind of response: message, field, text, events, empty', () => {
    const answer = (path: string, method: string, status = '200') => echo.paths[path]![method]!.responses[status];
    expect(answer('/v1/things', 'post', '201')).toMatchObject({
      content: { 'application/json': { schema: { $ref: expect.stringContaining('EchoResponse') } } },
    });
    expect(answer('/v1/nested/{nested.label}', 'get')).toMatchObject({
      content: { 'application/json': { schema: { $ref: expect.stringContaining('Nested') } } },
    });
    expect(answer('/v1/text/{text}', 'get')).toMatchObject({
      content: { 'text/plain': { schema: { type: 'string' } } },
    });
    expect(answer('/v1/count/{to}:watch', 'get')).toMatchObject({ content: { 'text/event-stream': {} } });
    expect(answer('/v1/things/{text}', 'delete', '204')).not.toHaveProperty('content');
  });
});
