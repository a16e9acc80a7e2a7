import { cookieNames } from '#kit/browser/cookies.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Ports that a person may want to know. */
export interface Ports {
  readonly edge: number;
  readonly auth: number;
  readonly authGrpc: number;
  readonly user: number;
}

/** What a person needs to know once everything runs. */
export function banner(
  ports: Ports,
  configs: { readonly auth: { readonly adminEmail: string }; readonly edge: { readonly issuer: string } },
  admin: { readonly email: string; readonly password: Secret | undefined } | undefined,
): string {
  const url = `http://localhost:${ports.edge}`;
  const lines = [
    '',
    'Signet is running. Ctrl-C stops it.',
    '',
    `  edge   ${url}   REST, Connect, gRPC-Web and gRPC; every method at ${url}/docs`,
    `  auth   http://localhost:${ports.auth}   the same for itself; gRPC for services on ${ports.authGrpc}`,
    `  user   localhost:${ports.user}          gRPC`,
    '',
  ];
  if (admin?.password)
    lines.push(`  admin  ${admin.email}   password ${admin.password.reveal()}   shown this once`, '');
  else if (admin) lines.push(`  admin  ${admin.email}   password as in SIGNET_ADMIN_PASSWORD`, '');
  else lines.push(`  admin  ${configs.auth.adminEmail}   made by an earlier start`, '');
  if (!cookieNames(configs.edge.issuer).secure) {
    lines.push('  Over plain HTTP, cookies go without Secure and the __Host- prefix: for this machine only.', '');
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
