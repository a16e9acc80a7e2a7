import { cookieNames } from '#kit/browser/cookies.ts';
import type { Secret } from '#kit/log/secret.ts';
import { domainServices, services } from '../registry.ts';

/** A door's part of the configuration. */
interface WithTls {
  readonly tlsCert: string | undefined;
}

/** The message that a start prints: addresses, the admin, commands to try. */
export function banner(
  port: (env: string) => number,
  configs: {
    readonly auth: { readonly adminEmail: string } & WithTls;
    readonly edge: { readonly issuer: string } & WithTls;
  },
  admin: { readonly email: string; readonly password: Secret | undefined } | undefined,
): string {
  const { auth, edge } = services;
  const urlOf = (door: WithTls, { env }: { readonly env: string }) =>
    // The certificate is valid for the host of the issuer.
    door.tlsCert === undefined
      ? `http://localhost:${port(env)}`
      : `https://${new URL(configs.edge.issuer).hostname}:${port(env)}`;
  const url = urlOf(configs.edge, edge.ports.door);
  const width = Math.max(...Object.keys(services).map((name) => name.length));
  const line = (name: string, text: string) => `  ${name.padEnd(width)}   ${text}`;
  const lines = [
    '',
    'Signet is running. Ctrl-C stops it.',
    '',
    line('edge', `${url}   REST, Connect, gRPC-Web and gRPC; API reference at ${url}/docs`),
    line(
      'auth',
      `${urlOf(configs.auth, auth.ports.door)}   the same protocols; gRPC for services on ${port(auth.ports.grpc.env)}`,
    ),
    ...domainServices.map(({ name, ports }) => line(name, `localhost:${port(ports.grpc.env)}          gRPC`)),
    '',
  ];
  if (admin?.password) {
    lines.push(line('admin', `${admin.email}   password ${admin.password.reveal()}   shown only once`), '');
  } else if (admin) lines.push(line('admin', `${admin.email}   password as in SIGNET_ADMIN_PASSWORD`), '');
  else lines.push(line('admin', `${configs.auth.adminEmail}   created by an earlier start`), '');
  if (!cookieNames(configs.edge.issuer).secure) {
    lines.push(
      '  Over plain HTTP, cookies have no Secure attribute and no __Host- prefix: use it only on this machine.',
      '',
    );
  }
  lines.push(
    'Try:',
    `  curl -s ${url}/api/v1/auth/register -H 'content-type: application/json' -d '{"email":"ada@example.com","password":"correct horse battery","name":"Ada"}'`,
    `  curl -s ${url}/api/v1/auth/login -H 'content-type: application/json' -d '{"email":"ada@example.com","password":"correct horse battery"}'`,
    // With TLS, the client negotiates HTTP/2.
    `  npx buf curl ${configs.edge.tlsCert === undefined ? '--http2-prior-knowledge ' : ''}${url} --list-methods`,
    '',
    '',
  );
  return lines.join('\n');
}
