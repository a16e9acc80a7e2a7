import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type Key, readConfig } from '#kit/config/config.ts';
import { readEnvFile } from '#kit/config/env-file.ts';
import type { AnyService } from '#kit/service/service.ts';
import { duration } from '#kit/config/types.ts';
import { services } from '../../services/registry.ts';
import { root } from '../check/check.ts';
import type { Manifest } from './objects.ts';
import { kubernetesSecrets } from './secrets.ts';
import { exampleEnvironment } from './testing.ts';

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

/** The ConfigMap of all services. */
const configuration = readEnvFile(path.join(folder, 'base/config.env')) ?? {};

const secrets = new Map(kubernetesSecrets(exampleEnvironment()).map((one) => [one.metadata.name, one['stringData']]));

/** The value that a pod gets of a Secret. */
function secretFor(reference: { name: string; key: string } | undefined): string | undefined {
  return reference && z.record(z.string(), z.string()).parse(secrets.get(reference.name))[reference.key];
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
  const drain = duration.parse(configuration['SIGNET_DRAIN_DELAY']);
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
  const { env, args } = podOf(name);
  expect(args).toEqual([`services/${name}/main.ts`]);
  const known = Object.values<Key>(keys).map((key) => key.env);
  expect(env.map((one) => one.name).filter((variable) => !known.includes(variable))).toEqual([]);
  const environment = {
    ...configuration,
    ...Object.fromEntries(env.map((one) => [one.name, one.value ?? secretFor(one.valueFrom?.secretKeyRef)])),
  };
  expect(() => readConfig(keys, environment)).not.toThrow();
  // None of these has its default, which is this machine.
  const addresses = known.filter((variable) => /_TARGET$|_JWKS_URL$/.test(variable));
  expect(addresses.map((variable) => environment[variable])).toEqual(addresses.map(() => expect.any(String)));
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
  const references = [...pods.values()].flatMap(({ containers }) =>
    containers.flatMap(({ env }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])),
  );
  for (const { name, key } of references.filter(({ optional }) => !optional)) {
    expect(secrets.get(name)).toHaveProperty(key, expect.stringMatching(/./));
  }
  expect(secrets.get('signet-edge')).toMatchObject({ REDIS_URL: 'redis://valkey:6379' });
  expect(secrets.get('signet-user')).toMatchObject({
    DATABASE_URL: expect.stringMatching(/^postgres:\/\/signet_user:\w+@postgres:5432\/signet$/),
  });
});
