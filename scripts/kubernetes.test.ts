import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { Key } from '#kit/config/config.ts';
import { type AnyService, envName } from '#kit/service/service.ts';
import { duration } from '#kit/config/types.ts';
import { services } from '../services/registry.ts';
import { root } from './check/check.ts';
import { kubernetesSecrets, type Manifest } from './kubernetes.ts';
import { exampleEnvironment } from './kubernetes.testing.ts';

const folder = path.join(root, 'deploy/kubernetes');
const all = Object.values<AnyService>(services);
const names = all.map(({ name }) => name);

/** The objects in files of deploy/kubernetes. */
const objects = globSync('{base,roles,single,ha}/*.yaml', { cwd: folder })
  .flatMap((file) => parseAllDocuments(readFileSync(path.join(folder, file), 'utf8')))
  .map((one) => one.toJS() as Manifest);

function ofKind(...kinds: readonly string[]): Manifest[] {
  return objects.filter(({ kind }) => kinds.includes(kind));
}

/** The value of a key in base/config.env. */
function configured(env: string): string | undefined {
  const lines = readFileSync(path.join(folder, 'base/config.env'), 'utf8').split('\n');
  return lines.find((line) => line.startsWith(`${env}=`))?.slice(env.length + 1);
}

const container = z.looseObject({
  args: z.array(z.string()),
  env: z
    .array(
      z.looseObject({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z
          .object({ secretKeyRef: z.object({ name: z.string(), key: z.string(), optional: z.boolean().optional() }) })
          .optional(),
      }),
    )
    .default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
});
const pod = z.looseObject({
  terminationGracePeriodSeconds: z.number().optional(),
  containers: z.array(container).length(1),
});

/** The pods of Deployments, StatefulSets and Jobs, by name. */
const pods = new Map(
  ofKind('Deployment', 'StatefulSet', 'Job')
    // ha/spread.yaml is a patch.
    .filter(({ metadata }) => metadata.name !== 'any')
    .map(({ metadata, spec }) => [
      metadata.name,
      pod.parse(z.looseObject({ template: z.looseObject({ spec: z.unknown() }) }).parse(spec).template.spec),
    ]),
);

function podOf(name: string) {
  const [found] = pods.get(name)?.containers ?? [];
  if (!found) throw new Error(`no pod of ${name}`);
  return found;
}

test('every pod passes the restricted Pod Security Standard, and has no token, links or writable files', () => {
  expect([...pods.keys()]).toEqual(expect.arrayContaining([...names, 'roles', 'postgres', 'valkey']));
  for (const one of pods.values()) {
    expect(one).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: expect.any(Number),
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
    expect(one.containers[0]).toMatchObject({
      resources: { requests: expect.anything(), limits: { memory: expect.any(String) } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    });
  }
});

test('a pod may drain for SIGNET_DRAIN_DELAY and 10 s more, and is alive meanwhile', () => {
  const drain = duration.parse(configured('SIGNET_DRAIN_DELAY'));
  for (const name of names) {
    expect(pods.get(name)?.terminationGracePeriodSeconds).toBeGreaterThan((drain + 10_000) / 1_000);
    const { livenessProbe, readinessProbe } = podOf(name);
    // Draining is seen within two seconds, less than SIGNET_DRAIN_DELAY.
    expect(readinessProbe).toMatchObject({ periodSeconds: 1, failureThreshold: 2 });
    const alive = z
      .union([
        z.looseObject({ httpGet: z.object({ path: z.literal('/health'), port: z.literal('http') }) }),
        z.looseObject({ tcpSocket: z.object({ port: z.literal('grpc') }) }),
      ])
      .safeParse(livenessProbe);
    expect(alive.error).toBeUndefined();
  }
});

test.each(all)('$name: the pod has the keys that the process needs, and no other', ({ name, keys }) => {
  const known = new Map(Object.values<Key>(keys).map((key) => [key.env, key]));
  const { env, args } = podOf(name);
  expect(args).toEqual([`services/${name}/main.ts`]);
  expect(env.filter((one) => !known.has(one.name))).toEqual([]);
  const required = [...known.values()].filter((key) => key.default === undefined && !key.optional);
  for (const key of required) {
    const given = env.find((one) => one.name === key.env);
    expect([key.env, given?.valueFrom?.secretKeyRef.optional]).toEqual([key.env, undefined]);
    expect(given?.valueFrom).toBeDefined();
  }
  const targets = [...known.keys()].filter((variable) => /_TARGET$|_JWKS_URL$/.test(variable));
  expect(env.filter(({ value }) => value !== undefined).map((one) => one.name)).toEqual(
    expect.arrayContaining(targets),
  );
});

test('addresses of services lead to a Service with that port, which leads to a port of its pods', () => {
  const ports = z.looseObject({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.looseObject({ port: z.number(), targetPort: z.string() })),
  });
  const served = new Set(
    ofKind('Service').flatMap(({ metadata, spec }) => {
      const containerPorts = podOf(metadata.name).ports.map((one) => one.name);
      return ports.parse(spec).ports.map(({ port, targetPort }) => {
        expect(containerPorts).toContain(targetPort);
        return `${metadata.name}:${port}`;
      });
    }),
  );
  const addresses = [...pods.values()].flatMap(({ containers }) =>
    containers.flatMap(({ env }) => env.flatMap(({ value }) => /\w+:\d+/.exec(value ?? '')?.[0] ?? [])),
  );
  expect(addresses.length).toBeGreaterThan(names.length);
  expect(addresses.filter((address) => !served.has(address))).toEqual([]);
});

test('a NetworkPolicy lets a service in where its definition has a call, on both sides, and nowhere else', () => {
  const side = z.array(z.looseObject({ from: z.unknown().optional(), to: z.unknown().optional() })).default([]);
  const policies = new Map(
    ofKind('NetworkPolicy').map(({ metadata, spec }) => [
      metadata.name,
      z.looseObject({ ingress: side, egress: side }).parse(spec),
    ]),
  );
  const mentions = (part: unknown, name: string) => JSON.stringify(part ?? null).includes(`"${name}"`);
  for (const caller of all) {
    for (const called of names) {
      const calls = called in caller.calls;
      const incoming = policies.get(called)?.ingress.some(({ from }) => mentions(from, caller.name));
      const outgoing = policies.get(caller.name)?.egress.some(({ to }) => mentions(to, called));
      expect([caller.name, called, incoming, outgoing]).toEqual([caller.name, called, calls, calls]);
    }
  }
  // Only the edge admits any address.
  const open = names.filter((name) => policies.get(name)?.ingress.some(({ from }) => from === undefined));
  expect(open).toEqual(['edge']);
  expect(ofKind('NetworkPolicy').find(({ metadata }) => metadata.name === 'default-deny')?.['spec']).toEqual({
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
  });
});

test('the Secrets have what pods refer to, from what compose:env writes', () => {
  const secrets = new Map(kubernetesSecrets(exampleEnvironment()).map((one) => [one.metadata.name, one['stringData']]));
  const references = [...pods.values()].flatMap(({ containers }) =>
    containers.flatMap(({ env }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])),
  );
  for (const { name, key } of references.filter(({ optional }) => !optional)) {
    expect(secrets.get(name)).toHaveProperty(key, expect.stringMatching(/./));
  }
  expect(secrets.get('signet-edge')).toMatchObject({ REDIS_URL: 'redis://valkey:6379' });
  expect(secrets.get('signet-user')).toMatchObject({
    DATABASE_URL: expect.stringMatching(/^postgres:\/\/signet_user:made\d+@postgres:5432\/signet$/),
  });
});

test('Secrets for an external database keep its parameters, and a service may have its own', () => {
  const environment = {
    ...exampleEnvironment(),
    DATABASE_URL: 'postgres://admin:secret@db.internal:6432/signet?sslmode=verify-full',
    DATABASE_DIRECT_URL: 'postgres://admin:secret@db.internal:5432/signet',
    RIDE_DATABASE_URL: 'postgres://me:mine@other/rides',
  };
  const secrets = new Map(kubernetesSecrets(environment).map((one) => [one.metadata.name, one['stringData']]));
  expect(secrets.has('signet-postgres')).toBe(false);
  expect(secrets.get('signet-edge')).not.toHaveProperty('REDIS_URL');
  expect(secrets.get('signet-roles')).toMatchObject({ DATABASE_URL: environment.DATABASE_URL });
  expect(secrets.get('signet-order')).toMatchObject({
    DATABASE_URL: expect.stringMatching(
      /^postgres:\/\/signet_order:made\d+@db.internal:6432\/signet\?sslmode=verify-full$/,
    ),
    DATABASE_DIRECT_URL: expect.stringMatching(/^postgres:\/\/signet_order:made\d+@db.internal:5432\/signet$/),
  });
  expect(secrets.get('signet-ride')).toMatchObject({ DATABASE_URL: environment.RIDE_DATABASE_URL });
  expect(secrets.get('signet-ride')).not.toHaveProperty('DATABASE_DIRECT_URL');
});

test('names all variables that are missing, and no value', () => {
  const { SIGNET_MASTER_KEY: _, SIGNET_SERVICE_KEY_USER: __, SIGNET_SERVICES: ___, ...rest } = exampleEnvironment();
  expect(() => kubernetesSecrets(rest)).toThrow(
    'not set: SIGNET_MASTER_KEY, SIGNET_SERVICES, SIGNET_SERVICE_KEY_USER. Run: npm run --silent compose:env >> .env',
  );
  expect(() => kubernetesSecrets({})).toThrow(`POSTGRES_PASSWORD, ${envName('auth')}_DATABASE_PASSWORD`);
});
