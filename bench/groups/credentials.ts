import { generateKeyPairSync } from 'node:crypto';
import { startAll } from '../server/systems.ts';
import type { Comparison } from './bench.ts';
import { startOidcProvider } from './peers.ts';
import { createPeople } from './people.ts';

const chains = 16;
const issuer = 'http://localhost:8080';
const baseline = 'oidc-provider, in memory';

/** Tokens of machines by client credentials with private_key_jwt, compared with oidc-provider and with a refresh. */
export const credentials: Comparison = {
  title: 'POST /api/v1/auth/service-token (client credentials, private_key_jwt; tokens with RS256)',
  operations: 'tokens',
  baselines: [baseline, 'Signet, refresh'],
  peers: true,
  async start(bench, tree) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const jwk = publicKey.export({ format: 'jwk' });
    const { environment, ...place } = await bench.place('credentials', tree);
    const services = { SIGNET_ISSUER: issuer, SIGNET_SERVICES: `machine=${jwk.x}:support` };
    const system = await startAll({ ...place, environment: { ...environment, ...services } }, 'warn');
    const refreshTokens = (await createPeople(system.edge, chains)).map((person) => person.refreshToken);
    const spec = {
      kind: 'client-credentials',
      client: 'machine',
      key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    } as const;
    const at = { servers: system.processes, database: place.database };
    return {
      cases: [
        {
          name: 'Signet, client credentials',
          load: { spec: { ...spec, url: `${system.edge}/api/v1/auth/service-token`, audience: issuer }, chains },
          ...at,
        },
        {
          name: 'Signet, refresh',
          load: { spec: { kind: 'refresh', url: `${system.edge}/api/v1/auth/refresh`, refreshTokens }, chains },
          ...at,
        },
      ],
      async others() {
        const { child, origin, database } = await startOidcProvider(bench, { ...jwk, alg: 'EdDSA', use: 'sig' });
        const url = `${origin}/token`;
        const form = { client_id: 'machine', scope: 'api' };
        return [
          {
            name: baseline,
            load: { spec: { ...spec, url, audience: origin, form }, chains },
            servers: [child],
            database,
          },
        ];
      },
    };
  },
};
