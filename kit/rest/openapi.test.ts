import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
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
  });

  it('names bindings that differ in path and HTTP method only as aliases of the first', () => {
    const register = real.paths['/api/v1/auth/register']!['post']!;
    expect(register).toMatchObject({ operationId: 'AuthService_Register', 'x-aliases': ['POST /api/v1/auth/signup'] });
    expect(register.description).toContain('Also `POST /api/v1/auth/signup`.');
    expect(real.paths).not.toHaveProperty('/api/v1/auth/signup');
    expect(Object.keys(real.paths['/api/v1/users/profile']!)).toEqual(['get', 'put']);
    expect(real.paths['/api/v1/users/profile']!['put']).toMatchObject({ 'x-aliases': ['PATCH /api/v1/users/profile'] });
    expect(real.paths['/api/v1/auth/login']!['post']).not.toHaveProperty('x-aliases');
  });

  it('names the operations of other bindings by their HTTP method and path', () => {
    expect(echo.paths['/v1/echo']!['post']!.operationId).toBe('EchoService_Echo');
    expect(echo.paths['/v1/echo/{text}']!['get']!.operationId).toBe('EchoService_Echo_get_v1_echo_text');
    for (const { operationId } of [real, ofAdmins, echo].flatMap(operations)) expect(operationId).not.toMatch(/_\d/);
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
    expect(Object.keys(responses)).toEqual(['200', '400', '401', '413', '415', '429', 'default']);
    expect(JSON.stringify(responses['401'])).toContain('"enum":["INVALID_CREDENTIALS"]');
    expect(JSON.stringify(responses['413'])).toContain('"enum":["PAYLOAD_TOO_LARGE"]');
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

  it('lists the refusals of the edge', () => {
    const document = openApiOf([AuthService], {
      title: '',
      version: '',
      comments,
      reasons,
      refusals: ({ name }) => (name === 'Login' ? ['CROSS_ORIGIN'] : []),
    }) as unknown as Document;
    const responsesOf = (path: string, method: string) => document.paths[path]![method]!.responses;
    expect(JSON.stringify(responsesOf('/api/v1/auth/login', 'post')['403'])).toContain('"enum":["CROSS_ORIGIN"]');
    expect(JSON.stringify(responsesOf('/api/v1/auth/logout', 'post'))).not.toContain('CROSS_ORIGIN');
    expect(() => openApiOf([AuthService], { title: '', version: '', refusals: () => ['NO_SUCH_REASON'] })).toThrow(
      'unknown reason NO_SUCH_REASON',
    );
  });

  it('states what a method needs', () => {
    const last = (operation?: Operation) => operation?.description?.split('\n\n').at(-1);
    expect(last(real.paths['/api/v1/auth/login']!['post'])).toBe('No sign-in is needed.');
    expect(last(real.paths['/api/v1/users/profile']!['get'])).toBe('Needs a signed-in user.');
    expect(last(ofAdmins.paths['/api/v1/admin/users']!['get'])).toMatch(
      /^Needs a signed-in user.* with the role admin\.$/,
    );
    expect(last(ofAdmins.paths['/api/v1/admin/users/{user_id}:disable']!['post'])).toMatch(
      /with the role admin and a sign-in with the password in the last 5 minutes\.$/,
    );
    expect(echo.paths['/v1/admin']!['get']!.description).toContain('the role admin or support');
  });

  it("names the deployment's cookie, and the CSRF token where it is required", () => {
    const documentWith = (csrf: 'cookie' | 'always') =>
      openApiOf([AuthService, UserService], {
        title: '',
        version: '',
        comments,
        reasons,
        browser: { cookie: 'signet_at', csrf },
      }) as unknown as Document;
    const securityOf = ({ paths }: Document, method: string) => paths['/api/v1/users/profile']![method]!.security;
    const byCookie = documentWith('cookie');
    expect(byCookie.components.securitySchemes).toMatchObject({
      cookieAuth: { in: 'cookie', name: 'signet_at' },
      csrfToken: { in: 'header', name: 'X-CSRF-Token' },
    });
    expect(securityOf(byCookie, 'get')).toEqual([{ bearerAuth: [] }, { cookieAuth: [] }]);
    expect(securityOf(byCookie, 'put')).toEqual([{ bearerAuth: [] }, { cookieAuth: [], csrfToken: [] }]);
    expect(securityOf(documentWith('always'), 'get')).toEqual([{ bearerAuth: [] }, { cookieAuth: [] }]);
    expect(securityOf(documentWith('always'), 'put')).toEqual([
      { bearerAuth: [], csrfToken: [] },
      { cookieAuth: [], csrfToken: [] },
    ]);
    expect(real.components.securitySchemes).toMatchObject({ cookieAuth: { name: '__Host-signet_at' } });
  });

  it('lists the headers of responses by status', () => {
    const limited = openApiOf([EchoService], { title: '', version: '', isLimited: true }) as unknown as Document;
    const headersOf = (document: Document, status: string) =>
      Object.keys((document.paths['/v1/fresh']!['get']!.responses[status] as { headers: object }).headers);
    expect(headersOf(echo, '200')).toEqual(['X-Request-Id']);
    expect(headersOf(limited, '200')).toEqual(['X-Request-Id', 'RateLimit', 'RateLimit-Policy']);
    expect(headersOf(limited, '401')).toEqual(['X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'WWW-Authenticate']);
    expect(headersOf(limited, '503')).toEqual(['X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Retry-After']);
    const names = [...JSON.stringify(limited).matchAll(/#\/components\/headers\/([^"]+)/g)].map(([, name]) => name);
    expect(Object.keys((limited.components as unknown as { headers: object }).headers)).toEqual(
      expect.arrayContaining([...new Set(names)]),
    );
  });

  it('has a description, a licence and servers if they are given', () => {
    const given = { title: 'A', version: '1', description: 'Text.', licence: 'MIT', servers: ['https://a.example'] };
    expect(openApiOf([EchoService], given)).toMatchObject({
      info: { title: 'A', version: '1', description: 'Text.', license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: 'https://a.example' }],
    });
    expect(echo.info).toEqual({ title: 'Echo', version: '1' });
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
        email: { type: 'string', minLength: 1, maxLength: 254 },
        password: { minLength: 1, maxLength: 1024 },
        name: {
          minLength: 1,
          maxLength: 100,
          description: expect.stringContaining('Must contain a visible character'),
        },
        role: { enum: ['user', 'raider'] },
      },
    });
    expect(real.paths['/api/v1/auth/register']!['post']!.requestBody).toMatchObject({ required: true });
    expect(real.paths['/api/v1/auth/logout']!['post']!.requestBody).toMatchObject({ required: false });
    const [to] = echo.paths['/v1/count/{to}:watch']!['get']!.parameters ?? [];
    expect(to?.schema).toEqual({ type: 'integer', format: 'int32', minimum: 0, maximum: 100000 });
  });

  it('documents forms and their errors (RFC 6749) beside JSON, for endpoints of OAuth only', async () => {
    const options = { title: 'Signet', version: '1', comments, reasons };
    const document = openApiOf([ServiceTokenService], options) as unknown as Document;
    expect((await new Validator().validate(structuredClone(document) as never)).errors ?? []).toEqual([]);
    const { requestBody, responses } = document.paths['/api/v1/auth/service-token']!['post']!;
    const fields = ['grant_type', 'client_assertion_type', 'client_assertion'];
    expect(requestBody).toMatchObject({
      required: true,
      content: {
        'application/json': { schema: { $ref: '#/components/schemas/signet.auth.v1.IssueServiceTokenRequest' } },
        'application/x-www-form-urlencoded': {
          schema: {
            required: fields,
            properties: Object.fromEntries(fields.map((name) => [name, { type: 'string' }])),
          },
          example: { grant_type: 'client_credentials' },
        },
      },
    });
    expect(JSON.stringify(requestBody)).not.toContain('additionalProperties');
    const error = { schema: { $ref: '#/components/schemas/OAuthError' } };
    const statuses = Object.entries(responses).filter(([status]) => status !== '200');
    expect(statuses.map(([status]) => status)).toEqual(expect.arrayContaining(['400', '401', 'default']));
    for (const [, response] of statuses) {
      expect(response).toMatchObject({ content: { 'application/problem+json': {}, 'application/json': error } });
    }
    expect(document.components.schemas['OAuthError']).toMatchObject({ required: ['error'] });
    for (const other of [real, ofAdmins, echo]) expect(JSON.stringify(other)).not.toMatch(/OAuthError|urlencoded/);
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
      'header Accept-Language',
      'header Idempotency-Key',
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
