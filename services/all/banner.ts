import { cookieNames } from '#kit/browser/cookies.ts';
import type { FirstAdmin } from '../auth/domain/first-admin.ts';
import type { All, Configs } from './open.ts';

/** What a person needs to know once everything runs. */
export function banner({ edge, auth, user }: All, configs: Configs, admin: FirstAdmin | undefined): string {
  const url = `http://localhost:${edge.port}`;
  const lines = [
    '',
    'Signet is running. Ctrl-C stops it.',
    '',
    `  edge   ${url}   REST, Connect, gRPC-Web and gRPC; every method at ${url}/docs`,
    `  auth   http://localhost:${auth.door.port}   the same for itself; gRPC for services on ${auth.grpc.port}`,
    `  user   localhost:${user.port}          gRPC`,
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
