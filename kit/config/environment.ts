import { isSupervised } from '#kit/process/supervisor.ts';
import type { Environment } from './config.ts';
import { readEnvFile } from './env-file.ts';

/**
 * Reads the process's environment, which overrides `.env` in the working directory. Only main.ts files call this.
 * A supervised process does not read the file: it gets its own keys from its supervisor, and must not see others'.
 * Warns on standard error about Kubernetes service links, and leaves them out.
 * @throws ConfigError if the file cannot be read or loses a part of a value
 */
export function readEnvironment(file = '.env'): Environment {
  const lines = isSupervised() ? {} : readEnvFile(file);
  const { kept, links } = withoutServiceLinks(process.env);
  if (links.length > 0) {
    process.stderr.write(
      `signet: ignored ${links.join(', ')}: set by Kubernetes for a Service of that name (a service link). ` +
        'Set enableServiceLinks: false in the pod, or the key itself.\n',
    );
  }
  return { ...lines, ...kept };
}

/**
 * Removes the variables that Kubernetes sets for each Service of a namespace. A Service named signet-edge sets
 * SIGNET_EDGE_PORT, which is a key, to tcp://<address>:<port>, and others of its name.
 * @returns `links`: the names of those that look like the key of a port
 */
export function withoutServiceLinks(environment: Environment): { kept: Environment; links: string[] } {
  const links = Object.keys(environment).filter(
    (name) => name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(environment[name] ?? ''),
  );
  const others = links.map(
    (link) => new RegExp(`^${link.slice(0, -'_PORT'.length)}_(PORT(_.*)?|SERVICE_(HOST|PORT(_.*)?))$`),
  );
  const kept = Object.entries(environment).filter(([name]) => !others.some((pattern) => pattern.test(name)));
  return { kept: Object.fromEntries(kept), links: links.filter((name) => name.startsWith('SIGNET_')) };
}
