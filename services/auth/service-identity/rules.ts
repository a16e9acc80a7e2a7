import { decodeJwt, errors, jwtVerify } from 'jose';
import { randomUUID, type KeyObject } from 'node:crypto';
import type { Actor } from '../audit/public.ts';
import type { Signer } from '../keys/public.ts';
import { failure } from '../reasons.ts';

/** A client that may request service tokens. */
export interface KnownService {
  readonly name: string;
  readonly publicKey: KeyObject;
  /**
   * Without roles: a service of the fleet, which may act as a caller. With roles: a
   * machine, which acts in its own name and cannot act as a caller.
   */
  readonly roles: readonly string[];
}

/** Persistence port for used assertions. */
export interface AssertionStore {
  /**
   * Records an assertion as used until it expires, and the success in the audit log. One statement. Returns the scopes
   * of the service's roles; undefined if the assertion was used before.
   */
  use(
    assertion: { readonly id: string; readonly expiresAt: Date },
    service: Pick<KnownService, 'name' | 'roles'>,
    by: Actor,
  ): Promise<readonly string[] | undefined>;
  /** Writes a failure to the audit log, at most one per minute and service. */
  noteFailure(service: string, by: Actor): Promise<void>;
}

/** A service token. */
export interface ServiceToken {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
}

/** Issues service tokens. */
export interface ServiceTokens {
  /** @throws INVALID_CLIENT; only the log has the cause. With `server_time` if only the times of the assertion are wrong */
  issue(assertion: string, by: Actor): Promise<ServiceToken>;
}

/** Maximum lifetime of an assertion, s. */
const maxAssertionLife = 60;
/** Form of a jti. PostgreSQL stores no NUL in a text. */
const idForm = /^[^\0]{1,128}$/;
/** Clock skew, s. */
const skew = 5;

/** Creates the issuer of service tokens (RFC 7523 section 3, OpenID Connect Core section 9). */
export function createServiceTokens(deps: {
  readonly services: readonly KnownService[];
  readonly store: AssertionStore;
  readonly signer: () => Signer;
  readonly issuer: string;
  readonly audience: string;
  /** Audience of tokens of services of the fleet. */
  readonly fleetAudience: string;
  /** ms. */
  readonly accessTtl: number;
  /** The database's time, ms since 1970. */
  readonly now: () => number;
  /** Called for a genuine assertion whose times are wrong: how far the clock of the service is ahead, s. */
  readonly onSkew: (service: string, seconds: number) => void;
}): ServiceTokens {
  const { store, signer, issuer, audience, fleetAudience, accessTtl, now, onSkew } = deps;
  const known = new Map(deps.services.map((service) => [service.name, service]));

  /** Verifies an assertion, and returns its id and until when it must not be used again. */
  async function verified(assertion: string, service: KnownService): Promise<{ id: string; expiresAt: Date }> {
    const { payload } = await jwtVerify(assertion, service.publicKey, {
      algorithms: ['EdDSA'],
      issuer: service.name,
      subject: service.name,
      // `aud` is checked below: it must be exactly the issuer.
      requiredClaims: ['jti', 'exp', 'iat'],
      currentDate: new Date(now()),
      maxTokenAge: maxAssertionLife,
      clockTolerance: skew,
    });
    const { aud, jti = '', exp = 0, iat = 0 } = payload;
    if (aud !== issuer) throw new Error('wrong audience');
    if (exp - iat > maxAssertionLife || exp <= iat) throw new Error('invalid lifetime');
    if (typeof jti !== 'string' || !idForm.test(jti)) throw new Error('missing or invalid jti');
    return { id: jti, expiresAt: new Date((exp + 2 * skew) * 1_000) };
  }

  /** Notes a refusal, and returns its error. */
  async function refused({ name }: KnownService, assertion: string, by: Actor, cause: unknown): Promise<Error> {
    await store.noteFailure(name, by);
    if (!isAboutTime(cause)) return failure('INVALID_CLIENT', { cause });
    // The signature is genuine. The service corrects its assertion by this time and tries again.
    const { iat = 0 } = decodeJwt(assertion);
    onSkew(name, iat - now() / 1_000);
    return failure('INVALID_CLIENT', { metadata: { server_time: new Date(now()).toISOString() }, cause });
  }

  return {
    async issue(assertion, by) {
      const service = known.get(nameIn(assertion));
      if (!service) throw failure('INVALID_CLIENT', { cause: new Error('unknown service') });
      const proof = await verified(assertion, service).catch(async (error: unknown) => {
        throw await refused(service, assertion, by, error);
      });
      // Before the scopes are read: a role that loses scopes later revokes the token by its time of issue.
      const iat = Math.floor(now() / 1_000);
      const scopes = await store.use(proof, service, by);
      if (!scopes) throw await refused(service, assertion, by, new Error('the assertion was used before'));
      const { name, roles } = service;
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
        ...(roles.length > 0 ? { roles, scope: scopes.join(' ') } : {}),
      });
      return { accessToken, expiresIn };
    },
  };
}

/** Whether jose refused only the times of an assertion. It verifies the signature first. */
function isAboutTime(error: unknown): boolean {
  if (error instanceof errors.JWTExpired) return true;
  return error instanceof errors.JWTClaimValidationFailed && ['iat', 'nbf'].includes(error.claim);
}

/** The issuer of an assertion, not verified. */
function nameIn(assertion: string): string {
  try {
    return decodeJwt(assertion).iss ?? '';
  } catch {
    return '';
  }
}
