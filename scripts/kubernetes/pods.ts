import type { Key } from '#kit/config/config.ts';
import { isSecret } from '#kit/config/secret-file.ts';
import { jwksKeys } from '#kit/config/shared-keys.ts';
import { targetEnv } from '#kit/service/registry.ts';
import type { AnyService } from '#kit/service/service.ts';
import { keys as authKeys } from '../../services/auth/config.ts';
import { services } from '../../services/registry.ts';

/** Kubernetes refuses `runAsNonRoot` for a user that the image names: this is the number of `node`. */
const user = 1_000;

/** Name of the Secret of a service. */
export function secretNameOf({ name }: AnyService): string {
  return `signet-${name}`;
}

/** Whether a key's value comes from the service's Secret. SIGNET_SERVICES is not secret, but made with the keys that are. */
export function isFromSecret(key: Key): boolean {
  return isSecret(key) || key.env === authKeys.services.env;
}

/** Whether a service starts without a key that its Secret may have. */
export function isOptional({ env, optional, default: standard }: Key): boolean {
  return env !== authKeys.services.env && (optional || standard !== undefined);
}

/** What the pods of services and of the one-shot have in common. */
export function podOf(serviceAccountName: string) {
  return {
    serviceAccountName,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

/** The container of a pod, which runs a file of the image. */
export function containerOf(name: string, args: readonly string[]) {
  return {
    name,
    image: 'signet',
    imagePullPolicy: 'IfNotPresent',
    args,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
}

/** The variables of a service that are not in the ConfigMap: its secrets, and where it finds what it calls. */
export function environmentOf(service: AnyService) {
  const { keys, calls } = service;
  const jwks = jwksKeys.jwksUrl.env;
  const { door } = services.auth.ports;
  return [
    ...Object.values(keys)
      .filter(isFromSecret)
      .map((key) => fromSecret(secretNameOf(service), key.env, isOptional(key))),
    ...(Object.values(keys).some(({ env }) => env === jwks)
      ? [{ name: jwks, value: `http://${services.auth.name}:${door.default}/.well-known/jwks.json` }]
      : []),
    ...Object.keys(calls).map((called) => ({
      name: targetEnv(called),
      value: `dns:///${called}:${byName(called).ports.grpc?.default}`,
    })),
  ];
}

/** A variable whose value is in a Secret, by its name. */
export function fromSecret(secret: string, name: string, optional = false) {
  return { name, valueFrom: { secretKeyRef: { name: secret, key: name, ...(optional ? { optional } : {}) } } };
}

/** @throws Error for an unknown service */
export function byName(name: string): AnyService {
  const found = Object.values<AnyService>(services).find((service) => service.name === name);
  if (!found) throw new Error(`no service ${name}`);
  return found;
}
