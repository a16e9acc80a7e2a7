import { stringify } from 'yaml';
import type { AnyService } from '#kit/service/service.ts';
import { services, servicesWithData } from '../../services/registry.ts';
import { passwordEnv } from '../compose.ts';
import { byName, containerOf, environmentOf, fromSecret, podOf } from './pods.ts';

/** A Kubernetes object. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [key: string]: unknown;
}

/** Port of `GET /metrics`; also in config.env. */
const metricsPort = 9464;

/** Name of the Secret of the one-shot that makes database roles. */
export const rolesSecret = 'signet-roles';

const all = Object.values<AnyService>(services);

/** One YAML document for each object. */
export function documentsOf(manifests: readonly Manifest[]): string {
  return manifests
    .map((one) => stringify(one, { singleQuote: true, lineWidth: 0, aliasDuplicateObjects: false }).trimEnd())
    .join('\n---\n');
}

/** ServiceAccount, Service, Deployment and NetworkPolicy of each service: base/services.yaml. */
export function kubernetesServices(): Manifest[] {
  return all.flatMap((service) => [serviceAccount(service), network(service), deployment(service), policy(service)]);
}

/** PodDisruptionBudget and HorizontalPodAutoscaler of each service: ha/scaling.yaml. */
export function kubernetesScaling(): Manifest[] {
  return all.flatMap(({ name }) => [
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: metadataOf(name),
      spec: {
        maxUnavailable: 1,
        // A pod that is not ready serves no calls, so it does not keep a node from being drained.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: labelsOf(name) },
      },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: metadataOf(name),
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: 2,
        maxReplicas: 6,
        metrics: [
          {
            type: 'Resource',
            // docs/operating.md: an event loop below 0.7 s per second. Auth also hashes, on both cores of its limit.
            resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: isAuth(name) ? '1400m' : '700m' } },
          },
        ],
      },
    },
  ]);
}

/** The one-shot that gives each service its database role: roles/roles.yaml. */
export function kubernetesRoles(): Manifest[] {
  const keys = ['DATABASE_URL', ...servicesWithData.map(passwordEnv)];
  return oneShot('roles', ['deploy/database-roles.ts'], rolesSecret, keys);
}

/** The one-shot that migrates for services with SIGNET_MIGRATE=off: migrate/migrate.yaml. */
export function kubernetesMigrate(): Manifest[] {
  return oneShot('migrate', ['cli/main.ts', 'db', 'migrate', '--grant-to', 'signet_%'], 'signet-migrate', [
    'DATABASE_URL',
  ]);
}

/** A Job that runs a file of the image once, with keys of a Secret. */
function oneShot(name: string, args: readonly string[], secret: string, keys: readonly string[]): Manifest[] {
  return [
    serviceAccount({ name }),
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: metadataOf(name),
      spec: {
        backoffLimit: 20,
        // The template of a Job cannot change: a finished one is removed, so that a later release can be applied.
        ttlSecondsAfterFinished: 300,
        template: {
          metadata: { labels: labelsOf(name) },
          spec: {
            ...podOf(name),
            restartPolicy: 'OnFailure',
            containers: [
              {
                ...containerOf(name, args),
                env: keys.map((key) => fromSecret(secret, key)),
                resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
              },
            ],
          },
        },
      },
    },
  ];
}

function isAuth(name: string): boolean {
  return name === services.auth.name;
}

/** The labels by which a service's pods are selected. */
function labelsOf(component: string): Record<string, string> {
  return { 'app.kubernetes.io/name': 'signet', 'app.kubernetes.io/component': component };
}

function metadataOf(name: string) {
  return { name, labels: labelsOf(name) };
}

function serviceAccount({ name }: { readonly name: string }): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadataOf(name),
    automountServiceAccountToken: false,
  };
}

/** The ports of a service by the names that they have in its pods. */
function portsOf({ ports }: Pick<AnyService, 'ports'>): { name: 'http' | 'grpc'; port: number }[] {
  return [
    ...(ports.door ? [{ name: 'http' as const, port: Number(ports.door.default) }] : []),
    ...(ports.grpc ? [{ name: 'grpc' as const, port: Number(ports.grpc.default) }] : []),
  ];
}

/** Headless, so that gRPC balances over the pods; that of the edge is for an Ingress or a load balancer. */
function network(service: AnyService): Manifest {
  const { name, ports } = service;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(name),
    spec: {
      ...(ports.grpc ? { clusterIP: 'None' } : {}),
      selector: labelsOf(name),
      ports: portsOf(service).map(({ name: port, port: number }) => ({
        name: port,
        port: ports.grpc ? number : 80,
        targetPort: port,
        appProtocol: port === 'grpc' ? 'kubernetes.io/h2c' : 'http',
      })),
    },
  };
}

function deployment(service: AnyService): Manifest {
  const { name, ports } = service;
  const { door, grpc } = ports;
  const ready = door ? { httpGet: { path: '/ready', port: 'http' } } : { grpc: { port: Number(grpc?.default) } };
  // Alive while it drains, waits for auth or has lost its database, when it is not ready.
  const alive = door ? { httpGet: { path: '/health', port: 'http' } } : { tcpSocket: { port: 'grpc' } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(name),
    spec: {
      selector: { matchLabels: labelsOf(name) },
      // A new pod is ready before an old one ends.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: labelsOf(name),
          annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(metricsPort) },
        },
        spec: {
          ...podOf(name),
          // SIGNET_DRAIN_DELAY, 10 s for calls in progress, and a margin.
          terminationGracePeriodSeconds: 20,
          containers: [
            {
              ...containerOf(name, [`services/${name}/main.ts`]),
              envFrom: [{ configMapRef: { name: 'signet' } }],
              env: environmentOf(service),
              ports: [
                ...portsOf(service).map((one) => ({ name: one.name, containerPort: one.port })),
                { name: 'metrics', containerPort: metricsPort },
              ],
              // Migrations run before the ports open: five minutes for them.
              startupProbe: { ...alive, periodSeconds: 2, failureThreshold: 150 },
              readinessProbe: { ...ready, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 2 },
              livenessProbe: { ...alive, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
              resources: {
                requests: { cpu: isAuth(name) ? '500m' : '100m', memory: '192Mi' },
                // The number of hashes that auth computes at once, with 19 MiB each, follows from its limit of cores.
                limits: { ...(isAuth(name) ? { cpu: '2' } : {}), memory: '512Mi' },
              },
            },
          ],
        },
      },
    },
  };
}

/** Who may call a service, and whom it may call. */
function policy(service: AnyService): Manifest {
  const { name, calls } = service;
  const callers = all.filter((other) => name in other.calls).map((other) => other.name);
  const isPublic = callers.length === 0;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(name),
    spec: {
      podSelector: { matchLabels: labelsOf(name) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ...(isPublic ? {} : { from: [podsOf(callers)] }), ports: tcp(service) }],
      egress: Object.keys(calls).map((called) => ({ to: [podsOf([called])], ports: tcp(byName(called)) })),
    },
  };
}

function podsOf(components: readonly string[]) {
  return {
    podSelector: {
      matchLabels: { 'app.kubernetes.io/name': 'signet' },
      matchExpressions: [{ key: 'app.kubernetes.io/component', operator: 'In', values: components }],
    },
  };
}

function tcp(service: AnyService) {
  return portsOf(service).map(({ port }) => ({ protocol: 'TCP', port }));
}
