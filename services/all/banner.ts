import { cookieNames } from '#kit/browser/cookies.ts';
import type { Secret } from '#kit/log/secret.ts';
import { domainServices, services } from '../registry.ts';

/** The message that a start prints: addresses, the admin, commands to try. */
export function banner(
  port: (env: string) => number,
  configs: { readonly auth: { readonly adminEmail: string }; readonly edge: { readonly issuer: string } },
  admin: { readonly email: string; readonly password: Secret | undefined } | undefined,
): string {
  const { auth, edge } = services;
  const url = `http://localhost:${port(edge.ports.door.env)}`;
  const width = Math.max(...Object.keys(services).map((name) => name.length));
  const line = (name: string, text: string) => `  ${name.padEnd(width)}   ${text}`;
  const lines = [
    '',
    'Signet is running. Ctrl-C stops it.',
    '',
    line('edge', `${url}   REST, Connect, gRPC-Web and gRPC; API reference at ${url}/docs`),
    line(
      'auth',
      `http://localhost:${port(auth.ports.door.env)}   the same protocols; gRPC for services on ${port(auth.ports.grpc.env)}`,
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
    `  npx buf curl --http2-prior-knowledge ${url} --list-methods`,
    '',
    '',
  );
  return lines.join('\n');
}
