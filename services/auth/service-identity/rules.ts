import { decodeJwt, jwtVerify } from 'jose';
import { randomUUID, type KeyObject } from 'node:crypto';
import type { Actor } from '../audit/public.ts';
import type { Signer } from '../keys/public.ts';
import { failure } from '../reasons.ts';

/** A service that may ask for tokens. */
export interface KnownService {
  readonly name: string;
  readonly publicKey: KeyObject;
  /**
   * Without roles it is a service of the fleet, which may be a caller. With roles it
   * is a machine, which acts in its own name, and is no caller. It cannot be both.
   */
  readonly roles: readonly string[];
}

/** Assertions that were used, kept. */
export interface AssertionStore {
  /** Notes that an assertion is used, until it has expired; tells whether it was new. */
  useOnce(id: string, expiresAt: Date): Promise<boolean>;
  /** Notes in the audit log how a service's request ended; of failures at most one a minute and service. */
  note(service: string, outcome: 'success' | 'failure', by: Actor): Promise<void>;
}

/** A service's token. */
export interface ServiceToken {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
}

/** Issues tokens to services. */
export interface ServiceTokens {
  /** @throws INVALID_CLIENT; why is for the log alone */
  issue(assertion: string, by: Actor): Promise<ServiceToken>;
}

/** Longest time that an assertion may be good for, s. */
const longestAssertion = 60;
/** How far clocks may be apart, s. */
const skew = 5;

/** Makes the issuer of services' tokens (RFC 7523 section 3, OpenID Connect Core section 9). */
export function createServiceTokens(deps: {
  readonly services: readonly KnownService[];
  readonly store: AssertionStore;
  readonly signer: () => Signer;
  readonly issuer: string;
  readonly audience: string;
  /** Of tokens of services of the fleet. */
  readonly fleetAudience: string;
  /** ms. */
  readonly accessTtl: number;
  /** The scopes that roles give together. */
  readonly scopesFor: (roles: readonly string[]) => Promise<readonly string[]>;
}): ServiceTokens {
  const { store, signer, issuer, audience, fleetAudience, accessTtl, scopesFor } = deps;
  const known = new Map(deps.services.map((service) => [service.name, service]));

  async function verified(assertion: string, service: KnownService): Promise<void> {
    const { payload } = await jwtVerify(assertion, service.publicKey, {
      algorithms: ['EdDSA'],
      issuer: service.name,
      subject: service.name,
      // One audience, and this one: an assertion for somebody else must not be good here.
      requiredClaims: ['jti', 'exp', 'iat'],
      maxTokenAge: longestAssertion,
      clockTolerance: skew,
    });
    const { aud, jti = '', exp = 0, iat = 0 } = payload;
    if (aud !== issuer) throw new Error('another audience');
    if (exp - iat > longestAssertion || exp <= iat) throw new Error('a life that is too long, or none');
    if (typeof jti !== 'string' || jti === '' || jti.length > 128) throw new Error('no jti, or no good one');
    const expiresAt = new Date((exp + 2 * skew) * 1_000);
    if (!(await store.useOnce(`${service.name} ${jti}`, expiresAt))) throw new Error('used before');
  }

  return {
    async issue(assertion, by) {
      const service = known.get(nameIn(assertion));
      if (!service) throw failure('INVALID_CLIENT', { cause: new Error('not a service that is known') });
      try {
        await verified(assertion, service);
      } catch (error) {
        await store.note(service.name, 'failure', by);
        throw failure('INVALID_CLIENT', { cause: error });
      }
      const { name, roles } = service;
      const iat = Math.floor(Date.now() / 1_000);
      const expiresIn = Math.floor(accessTtl / 1_000);
      const accessToken = await signer().sign({
        iss: issuer,
        sub: name,
        aud: roles.length > 0 ? audience : fleetAudience,
        exp: iat + expiresIn,
        iat,
        nbf: iat,
        jti: randomUUID(),
        client_id: name,
        ...(roles.length > 0 ? { roles, scope: (await scopesFor(roles)).join(' ') } : {}),
      });
      await store.note(name, 'success', by);
      return { accessToken, expiresIn };
    },
  };
}

/** Whose assertion it says it is; nothing of it is verified yet. */
function nameIn(assertion: string): string {
  try {
    return decodeJwt(assertion).iss ?? '';
  } catch {
    return '';
  }
}
