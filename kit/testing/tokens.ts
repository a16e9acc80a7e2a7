import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { PublicKeyAlgorithm } from '#kit/guard/algorithms.ts';

/** A signing key of a test issuer. */
export interface TestKey {
  readonly alg: PublicKeyAlgorithm;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** The public key, as in a JWKS. */
  readonly jwk: JWK;
}

/** A test issuer. Tokens are valid unless overridden. */
export interface TestIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The active key. */
  readonly key: TestKey;
  /** Returns the public keys: the active key and earlier ones. */
  jwks(): { keys: JWK[] };
  /** Signs a token with the claims and header of a user token, overridden by the given ones; undefined omits a name. */
  sign(claims?: Claims, header?: Claims): Promise<string>;
  /** Signs a user token. */
  userToken(user?: TestUser): Promise<string>;
  /** Signs the token of a service of the fleet, for x-signet-caller. */
  callerToken(service: string, claims?: Claims): Promise<string>;
  /** Signs the token of a machine client. */
  machineToken(client: string, claims?: Claims): Promise<string>;
  /** Creates a new active key; the others stay published. */
  rotate(): Promise<TestKey>;
  /** Removes a key from the JWKS. */
  remove(kid: string): void;
}

/** Claims or header parameters. */
export type Claims = Readonly<Record<string, unknown>>;

/** The user of a token; missing properties have defaults. */
export interface TestUser {
  readonly sub?: string;
  readonly sid?: string;
  readonly email?: string;
  readonly roles?: readonly string[];
  readonly scopes?: readonly string[];
  readonly acr?: string;
  /** Seconds since the user authenticated. */
  readonly authAge?: number;
  /** Lifetime of the token, in seconds. */
  readonly life?: number;
}

/** Options of a test issuer. */
export interface TestIssuerOptions {
  /** Default ES256, whose keys are fast to generate. */
  readonly alg?: PublicKeyAlgorithm;
  readonly issuer?: string;
  readonly audience?: string;
  /** The time, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Creates an issuer with one key. Issuers never share keys. */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const { alg = 'ES256', issuer = 'https://issuer.test', audience = 'signet', clock = Date.now } = options;
  let key = await createTestKey(alg);
  const keys = [key];

  function sign(claims: Claims = {}, header: Claims = {}): Promise<string> {
    const now = Math.floor(clock() / 1_000);
    const sub = crypto.randomUUID();
    const payload = {
      iss: issuer,
      aud: audience,
      sub,
      iat: now,
      exp: now + 900,
      jti: crypto.randomUUID(),
      sid: crypto.randomUUID(),
      client_id: 'console',
      scope: '',
      roles: ['user'],
      email: `${sub}@example.test`,
      amr: ['pwd'],
      acr: 'pwd',
      auth_time: now,
      ...claims,
    };
    // Through JSON, so that undefined omits a name; SignJWT does not check the claims.
    return new SignJWT(JSON.parse(JSON.stringify(payload)))
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header })
      .sign(key.privateKey);
  }

  return {
    issuer,
    audience,
    get key() {
      return key;
    },
    jwks: () => ({ keys: keys.map(({ jwk }) => jwk) }),
    sign,
    userToken({ scopes = [], authAge = 0, life = 900, ...user } = {}) {
      const now = Math.floor(clock() / 1_000);
      const times = { iat: now, exp: now + life, auth_time: now - authAge };
      return sign({ ...given(user), ...times, scope: scopes.join(' ') });
    },
    callerToken: (service, claims = {}) =>
      sign({ ...noUser, aud: `${audience}:fleet`, sub: service, client_id: service, ...claims }),
    machineToken: (client, claims = {}) => sign({ ...noUser, sub: client, client_id: client, ...claims }),
    async rotate() {
      key = await createTestKey(alg);
      keys.unshift(key);
      return key;
    },
    remove(kid) {
      const at = keys.findIndex((one) => one.kid === kid);
      if (at >= 0) keys.splice(at, 1);
    },
  };
}

const noUser = {
  sid: undefined,
  email: undefined,
  roles: undefined,
  amr: undefined,
  acr: undefined,
  auth_time: undefined,
};

function given(user: TestUser): Claims {
  return Object.fromEntries(Object.entries(user).filter(([, value]) => value !== undefined));
}

/** Generates a key pair with its JWK. RSA takes 100 ms or more. */
export async function createTestKey(alg: PublicKeyAlgorithm): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { alg, kid, privateKey, jwk: { ...jwk, kid, alg, use: 'sig' } };
}
