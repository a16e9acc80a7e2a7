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

/** An answer over HTTP, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; what a test reads of it is the test's to say. */
  // oxlint-disable-next-line typescript/no-explicit-any -- an answer's shape is what tests are there to find out
  readonly json: any;
}

/** What a request over REST may carry. */
export interface Asking {
  readonly body?: unknown;
  readonly token?: string | undefined;
  readonly headers?: HeadersInit;
}

/** Somebody who has registered and signed in. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly access: string;
  readonly refresh: string;
  readonly csrf: string;
}

/** Services on a database and ports of their own. */
export interface System {
  readonly database: FreshDatabase;
  /** Base URL of the edge. */
  readonly edge: string;
  /** Base URL of the auth service's door. */
  readonly auth: string;
  /** A service that the auth service knows, for whoever wants to be one beside those of the process. */
  readonly service: { readonly name: string; readonly key: Secret };
  /** gRPC port of the user service. */
  readonly userPort: number;
  /** The gRPC address of each service that is open and has one, `host:port` by name. */
  readonly targets: Readonly<Record<string, string>>;
  /** The auth service's port for other services. */
  readonly authGrpcPort: number;
  /** Asks the edge over REST, below `/api/v1` unless the path begins with `//`. */
  rest(method: string, path: string, asking?: Asking): Promise<Answer>;
  /** Registers somebody new and signs them in. */
  person(role?: string): Promise<Person>;
  /** A string that must not turn up in any log line; checked at `close`. */
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
   * Keys of the environment. Limits on requests are off unless given. With DATABASE_URL the system uses that
   * migrated database and leaves it there.
   */
  readonly env?: Environment;
  /** The services, which come with those that they call, auth and the edge: the user service alone, unless given. */
  readonly services?: readonly ServiceName[];
  /** All in this process or each in its own: as the project says (vitest.config.ts), unless given. */
  readonly shape?: Shape;
  /** `light`, unless given: `real` where what a password costs is part of the subject. In a fleet it is always real. */
  readonly hashing?: Hashing;
  /** Changes the database before a service opens. */
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
  const rest: System['rest'] = (method, path, asking) =>
    ask(path.startsWith('//') ? `${edge}${path.slice(1)}` : `${edge}/api/v1${path}`, method, asking);

  return {
    database,
    edge,
    auth: `http://127.0.0.1:${opened.port(services.auth.ports.door.env)}`,
    service,
    userPort: opened.port(services.user.ports.grpc.env),
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
    async person(role) {
      const email = `p${randomBytes(6).toString('hex')}@example.com`;
      const password = secret(randomBytes(12).toString('hex'));
      const made = await rest('POST', '/auth/register', {
        body: { email, password, name: 'Ada', ...(role ? { role } : {}) },
      });
      expect(made.status, made.text).toBe(201);
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
    },
    async close() {
      await opened.close();
      await database.drop();
      const text = written.join('');
      expect(text, 'calls are logged').toContain('"msg":"call"');
      for (const one of secrets) expect(text.includes(one), 'a secret was logged').toBe(false);
    },
  };
}

/** The database that an environment names, or a fresh one. */
async function databaseOf({ DATABASE_URL: given }: Environment): Promise<FreshDatabase> {
  return given === undefined ? freshDatabase() : { url: new Secret(given), drop: async () => undefined };
}

/** Asks any URL, and reads the whole answer. */
export async function ask(url: string, method: string, { body, token, headers }: Asking = {}): Promise<Answer> {
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
