import { randomBytes } from 'node:crypto';
import { expect, inject } from 'vitest';
import type { Environment } from '#kit/config/config.ts';
import { Secret } from '#kit/log/secret.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import type { AnyService } from '#kit/service/service.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type ServiceName, services, withCalled } from '../services/registry.ts';
import { anyPorts } from './ports.ts';
import { type Hashing, open, type Shape } from './shapes.ts';

/** An HTTP response with its body. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON. Tests assert its shape. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests assert the shape of a response
  readonly json: any;
}

/** Parts of a REST request. */
export interface RequestOptions {
  readonly body?: unknown;
  readonly token?: string | undefined;
  readonly headers?: HeadersInit;
}

/** A registered and signed-in user. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly access: string;
  readonly refresh: string;
  readonly csrf: string;
}

/** Running services with their own database and ports. */
export interface System {
  readonly database: FreshDatabase;
  /** Base URL of the edge. */
  readonly edge: string;
  /** Base URL of the auth service's public HTTP port. */
  readonly auth: string;
  /** A service that the auth service knows, for tests that act as one more service. */
  readonly service: { readonly name: string; readonly key: Secret };
  /** gRPC port of the user service. */
  readonly userPort: number;
  /** The gRPC address (`host:port`) of each open service that has one, by service name. */
  readonly targets: Readonly<Record<string, string>>;
  /** The internal gRPC port of the auth service. */
  readonly authGrpcPort: number;
  /** Sends a REST request to the edge: below `/api/v1`, unless the path starts with `//`. */
  rest(method: string, path: string, request?: RequestOptions): Promise<Answer>;
  /** Registers a new user and signs them in. */
  person(role?: string): Promise<Person>;
  /** Registers a new user, grants them a role by the admin, and signs them in. */
  staff(role: string): Promise<Person>;
  /** A string that no log line may contain; checked at `close`. */
  secret(text: string): string;
  /** Everything logged so far. */
  logged(): string;
  close(): Promise<void>;
}

/** The first admin of every test system. */
export const admin = { email: 'root@example.com', password: 'the admin of the tests' };

/** How to open a system. */
export interface SystemOptions {
  /**
   * Environment variables. Rate limits are off by default. With DATABASE_URL, the system uses that migrated database
   * and does not drop it.
   */
  readonly env?: Environment;
  /** Default: user. The services that these call, auth and the edge are always added. */
  readonly services?: readonly ServiceName[];
  /** Default: the shape of the Vitest project (vitest.config.ts). */
  readonly shape?: Shape;
  /** Default: `light`. Use `real` where the cost of hashing matters to the test. A fleet always uses real hashing. */
  readonly hashing?: Hashing;
  /** Changes the database before the services start. */
  readonly prepare?: (url: Secret, masterKey: Secret) => Promise<void>;
}

/** Opens a system. */
export async function openSystem(options: SystemOptions = {}): Promise<System> {
  const { env: environment = {}, shape = inject('shape'), hashing = 'light' } = options;
  const names = withCalled(options.services ?? ['user']);
  const database = await databaseOf(environment);
  const written: string[] = [];
  const service = { name: 'beside', ...generateServiceKey() };
  const masterKey = environment['SIGNET_MASTER_KEY'] ?? randomBytes(32).toString('base64');
  await options.prepare?.(database.url, new Secret(masterKey));
  const opened = await open[shape]({
    names,
    hashing,
    environment: {
      DATABASE_URL: database.url.reveal(),
      SIGNET_MASTER_KEY: masterKey,
      ...anyPorts,
      SIGNET_RATE_LIMIT: '0',
      SIGNET_RATE_LIMIT_USER: '0',
      SIGNET_SEED_SHOP: 'false',
      SIGNET_SERVICES: `${service.name}=${service.publicKey}`,
      SIGNET_ADMIN_EMAIL: admin.email,
      SIGNET_ADMIN_PASSWORD: admin.password,
      ...environment,
    },
    written: (text) => written.push(text),
  });

  const secrets = new Set([masterKey, service.key.reveal(), admin.password, database.url.reveal(), ...opened.secrets]);
  const edge = `http://127.0.0.1:${opened.port(services.edge.ports.door.env)}`;
  const secret = (text: string) => {
    secrets.add(text);
    return text;
  };
  const rest: System['rest'] = (method, path, request) =>
    ask(path.startsWith('//') ? `${edge}${path.slice(1)}` : `${edge}/api/v1${path}`, method, request);

  async function signIn(email: string, password: string): Promise<Person> {
    const { status, json, text } = await rest('POST', '/auth/login', { body: { email, password } });
    expect(status, text).toBe(200);
    secret(json.device_token);
    return {
      id: json.user.id,
      email,
      password,
      access: secret(json.access_token),
      refresh: secret(json.refresh_token),
      csrf: secret(json.csrf_token),
    };
  }

  async function register(role?: string): Promise<{ id: string; email: string; password: string }> {
    const email = `p${randomBytes(6).toString('hex')}@example.com`;
    const password = secret(randomBytes(12).toString('hex'));
    const { status, json, text } = await rest('POST', '/auth/register', {
      body: { email, password, name: 'Ada', ...(role ? { role } : {}) },
    });
    expect(status, text).toBe(201);
    return { id: json.user.id, email, password };
  }

  async function person(role?: string): Promise<Person> {
    const { email, password } = await register(role);
    return signIn(email, password);
  }

  async function staff(role: string): Promise<Person> {
    const { id, email, password } = await register();
    const { access: token } = await signIn(admin.email, admin.password);
    const { status, text } = await rest('PUT', `/admin/users/${id}/roles/${role}`, { token, body: {} });
    expect(status, text).toBe(200);
    return signIn(email, password);
  }

  return {
    database,
    edge,
    auth: `http://127.0.0.1:${opened.port(services.auth.ports.door.env)}`,
    service,
    get userPort() {
      return opened.port(services.user.ports.grpc.env);
    },
    authGrpcPort: opened.port(services.auth.ports.grpc.env),
    targets: Object.fromEntries(
      names.flatMap((name) => {
        const { grpc }: AnyService['ports'] = services[name].ports;
        return grpc ? [[name, `127.0.0.1:${opened.port(grpc.env)}`]] : [];
      }),
    ),
    rest,
    secret,
    logged: () => written.join(''),
    person,
    staff,
    async close() {
      await opened.close();
      await database.drop();
      const text = written.join('');
      expect(text, 'calls are logged').toContain('"msg":"call"');
      for (const one of secrets) expect(text.includes(one), 'a secret was logged').toBe(false);
    },
  };
}

/** The database of DATABASE_URL, or a fresh one. */
async function databaseOf({ DATABASE_URL: given }: Environment): Promise<FreshDatabase> {
  return given === undefined ? freshDatabase() : { url: new Secret(given), drop: async () => undefined };
}

/** Sends a request to any URL and reads the whole response. */
export async function ask(url: string, method: string, { body, token, headers }: RequestOptions = {}): Promise<Answer> {
  const sent = new Headers(headers);
  if (token !== undefined) sent.set('authorization', `Bearer ${token}`);
  const isText = typeof body === 'string';
  if (body !== undefined && !sent.has('content-type')) sent.set('content-type', 'application/json');
  const response = await fetch(url, {
    method,
    headers: sent,
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text ? JSON.parse(text) : undefined,
  };
}
