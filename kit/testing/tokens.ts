import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { PublicKeyAlgorithm } from '#kit/guard/algorithms.ts';

/** A signing key of a test issuer. */
export interface TestKey {
  readonly alg: PublicKeyAlgorithm;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** The public half, as a JWKS has it. */
  readonly jwk: JWK;
}

/** An issuer that exists in the test only. Tokens are valid unless overridden. */
export interface TestIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The key that signs now. */
  readonly key: TestKey;
  /** The public keys: the one that signs, and those before it. */
  jwks(): { keys: JWK[] };
  /** Any token: claims and header over a user's; a value of undefined leaves a name out. */
  sign(claims?: Claims, header?: Claims): Promise<string>;
  /** A user's token. */
  userToken(user?: TestUser): Promise<string>;
  /** The token of a service of the fleet, for x-signet-caller. */
  callerToken(service: string, claims?: Claims): Promise<string>;
  /** The token of a machine: a client in its own name. */
  machineToken(client: string, claims?: Claims): Promise<string>;
  /** Signs with a new key from here on; the others stay published. */
  rotate(): Promise<TestKey>;
  /** Takes a key out of the JWKS. */
  remove(kid: string): void;
}

/** Claims or header parameters, whatever they are. */
export type Claims = Readonly<Record<string, unknown>>;

/** Who a user's token is for; what is left out has a default. */
export interface TestUser {
  readonly sub?: string;
  readonly sid?: string;
  readonly email?: string;
  readonly roles?: readonly string[];
  readonly scopes?: readonly string[];
  readonly acr?: string;
  /** Seconds since the user authenticated. */
  readonly authAge?: number;
  /** Life of the token, in seconds. */
  readonly life?: number;
}

/** How to make a test issuer. */
export interface TestIssuerOptions {
  /** Default ES256, whose keys are made in no time. */
  readonly alg?: PublicKeyAlgorithm;
  readonly issuer?: string;
  readonly audience?: string;
  /** The time, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Makes an issuer with one key. Two issuers never share a key. */
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
    // Through JSON, so that undefined leaves a name out; SignJWT takes the claims as they are.
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

/** Makes a key pair with its JWK. RSA takes 100 ms or more. */
export async function createTestKey(alg: PublicKeyAlgorithm): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { alg, kid, privateKey, jwk: { ...jwk, kid, alg, use: 'sig' } };
}
