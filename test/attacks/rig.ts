import { sign as signBytes, KeyObject } from 'node:crypto';
import { exportPKCS8 } from 'jose';
import { Client } from 'pg';
import { readConfig } from '#kit/config/config.ts';
import { connection } from '#kit/db/database.ts';
import { openDoor } from '#kit/door/door.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import { createLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { linkToAuth } from '#kit/identity/auth-link.ts';
import { guardFor } from '#kit/identity/guard-for.ts';
import { channelsTo } from '#kit/service/channels.ts';
import { targetOf } from '#kit/service/registry.ts';
import { createTestKey, type TestKey } from '#kit/testing/tokens.ts';
import { createMasterKey } from '../../services/auth/secrets/rules/master-key.ts';
import { contextOf } from '../../services/auth/keys/rules/signing-key.ts';
import { buildEdge } from '../../services/edge/build.ts';
import { upstreamsOf } from '../../services/edge/upstream.ts';
import { serviceNames, services } from '../../services/registry.ts';
import { openSystem, type System } from '../system.ts';

/** The claims of a token. */
export type Claims = Readonly<Record<string, unknown>>;

/**
 * A complete system that publishes keys of the test. A token signed with `key` has a valid signature, so that every
 * other part can be wrong.
 */
export interface Rig {
  readonly edge: string;
  readonly auth: string;
  /** gRPC ports: `127.0.0.1:<port>`. */
  readonly userTarget: string;
  readonly authTarget: string;
  /** The gRPC address of every service that has one, by name. */
  readonly targets: Readonly<Record<string, string>>;
  /** Published, of the configured algorithm RS256. */
  readonly key: TestKey;
  /** Published, of algorithms that are not configured. */
  readonly otherKeys: readonly TestKey[];
  /** The tokens and credentials of a user with a valid session. */
  readonly login: {
    readonly access_token: string;
    readonly refresh_token: string;
    readonly csrf_token: string;
    readonly email: string;
    readonly password: string;
  };
  /** Valid claims for that session, with a new jti. */
  claims(): Record<string, unknown>;
  /** Signs claims under a header; both are valid by default. */
  mint(claims?: Claims, header?: Claims): string;
  close(): Promise<void>;
}

/** Opens a rig. */
export async function openRig(): Promise<Rig> {
  const [key, ...otherKeys] = await Promise.all([
    createTestKey('RS256'),
    createTestKey('ES256'),
    createTestKey('EdDSA'),
  ]);
  const system = await openSystem({
    shape: 'one process',
    services: serviceNames,
    prepare: (url, masterKey) => publish([key, ...otherKeys], url, masterKey),
  });
  const { email, password, access, refresh, csrf } = await system.person();
  const good = JSON.parse(Buffer.from(access.split('.')[1] ?? '', 'base64url').toString());
  const claims = (): Record<string, unknown> => ({ ...good, jti: crypto.randomUUID() });
  const { edge, auth, targets } = system;
  return {
    targets,
    edge,
    auth,
    userTarget: `127.0.0.1:${system.userPort}`,
    authTarget: `127.0.0.1:${system.authGrpcPort}`,
    key,
    otherKeys,
    login: { access_token: access, refresh_token: refresh, csrf_token: csrf, email, password },
    claims,
    mint: (given = claims(), header = headerOf(key)) => signText(JSON.stringify(header), JSON.stringify(given), key),
    close: () => system.close(),
  };
}

/** Publishes keys through the auth service: seals them under its master key. */
async function publish(keys: readonly TestKey[], url: Secret, masterKey: Secret): Promise<void> {
  const master = createMasterKey(new Secret(Buffer.from(masterKey.reveal(), 'base64')));
  const db = new Client(connection(url));
  await db.connect();
  for (const { kid, alg, jwk, privateKey } of keys) {
    await db.query(
      `INSERT INTO auth.signing_keys (kid, alg, state, public_jwk, sealed_private) VALUES ($1, $2, 'retired', $3, $4)`,
      [kid, alg, JSON.stringify(jwk), master.seal(Buffer.from(await exportPKCS8(privateKey)), contextOf(kid))],
    );
  }
  await db.end();
}

/** The header of an access token. */
export function headerOf({ alg, kid }: TestKey): Record<string, unknown> {
  return { alg, kid, typ: 'at+jwt' };
}

/** A compact JWS of exactly these texts, which need not be JSON, signed with the algorithm of the key. */
export function signText(header: string, payload: string | Uint8Array, { alg, privateKey }: TestKey): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const key = KeyObject.from(privateKey);
  const signature = signBytes(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), {
    key,
    ...(alg === 'ES256' ? { dsaEncoding: 'ieee-p1363' as const } : {}),
  });
  return `${input}.${encode(signature)}`;
}

/** Base64url without padding. */
export function encode(content: string | Uint8Array): string {
  return Buffer.from(content).toString('base64url');
}

/**
 * An edge that calls the services of a system over gRPC, as it does with one process per service.
 * @param authPort port of the auth service, if not the one of the system
 */
export async function openSplitEdge(
  system: System,
  authPort = system.authGrpcPort,
): Promise<{ edge: string; logged(): string; close(): Promise<void> }> {
  const { name, key } = system.service;
  const { calls, keys: edgeKeys } = services.edge;
  const config = readConfig(edgeKeys, {
    SIGNET_RATE_LIMIT: '0',
    SIGNET_RATE_LIMIT_USER: '0',
    SIGNET_SERVICE_KEY: key.reveal(),
    SIGNET_AUTH_TARGET: `127.0.0.1:${authPort}`,
    SIGNET_USER_TARGET: `127.0.0.1:${system.userPort}`,
  });
  const closers: (() => unknown)[] = [];
  const auth = linkToAuth(name, { ...config, authTarget: targetOf(config, 'auth') }, calls['auth'] ?? []);
  const keys = remoteJwks({ url: `${system.auth}/.well-known/jwks.json` });
  const to = channelsTo(calls, config, auth, { add: (close) => closers.push(close) });
  const lines: string[] = [];
  const log = createLog({ level: 'trace', format: 'json', destination: { write: (line) => void lines.push(line) } });
  const guard = guardFor(config, { keys, revocations: auth.revocations, metrics: noMetrics, log });
  const door = await openDoor({
    ...(await buildEdge({ config, guard, upstreams: upstreamsOf(calls, to), log, metrics: noMetrics })),
    port: 0,
    host: '127.0.0.1',
  });
  await guard.ready();
  return {
    edge: `http://127.0.0.1:${door.port}`,
    logged: () => lines.join(''),
    async close() {
      await door.close();
      guard.close();
      for (const close of closers) await close();
      auth.close();
    },
  };
}
