import type { DescMethod } from '@bufbuild/protobuf';
import { accessOf } from './access.ts';
import type { Principal } from './claims.ts';
import type { HeaderSource } from './credentials.ts';
import { refusal } from './error.ts';
import { type Check, compileRule, type Identity, type PolicyDeps } from './policy.ts';
import type { AccessRule } from './rule.ts';
import { createVerifier, type VerifierOptions } from './verifier.ts';

/** What stands in front of methods and routes. */
export interface Guard {
  /**
   * Admits a call to a method by the rule in its definition. Throws TOKEN_REQUIRED,
   * INVALID_TOKEN, REAUTHENTICATION_REQUIRED, INSUFFICIENT_SCOPE,
   * CALLER_NOT_ALLOWED, KEYS_UNAVAILABLE or REVOCATIONS_STALE; and a plain Error
   * for a method without a valid rule, which `assertCovered` finds at start.
   */
  admit(method: DescMethod, headers: HeaderSource): Promise<Identity>;
  /** The same for a rule that is not in a definition. Make the rule once, not per request. */
  check(rule: AccessRule, headers: HeaderSource): Promise<Identity>;
  /** Verifies a user's access token, with no rule. Throws INVALID_TOKEN or KEYS_UNAVAILABLE. */
  verify(token: string): Promise<Principal>;
  /** Resolves once keys are held. */
  ready(): Promise<void>;
  /** Stops reading keys. */
  close(): void;
}

/** Makes a guard. Throws an Error on options that make no sense. */
export function createGuard(options: VerifierOptions): Guard {
  const { keys, revocations, clock = Date.now } = options;
  const verifier = createVerifier(options);
  const deps: PolicyDeps = { verifier, revocations, clock };
  const byMethod = new WeakMap<DescMethod, Check>();
  const byRule = new WeakMap<object, Check>();

  function checkOf<K extends object>(checks: WeakMap<K, Check>, key: K, ruleOf: () => AccessRule): Check {
    const known = checks.get(key);
    if (known) return known;
    const made = compileRule(ruleOf(), deps);
    checks.set(key, made);
    return made;
  }

  return {
    admit: async (method, headers) => checkOf(byMethod, method, () => accessOf(method))(headers),
    check: async (rule, headers) => (rule === 'public' ? {} : checkOf(byRule, rule, () => rule)(headers)),
    verify: (token) => verifier.user(token),
    ready: () => keys.ready(),
    close: () => keys.close(),
  };
}

/** The user of an identity. Throws TOKEN_REQUIRED without one. */
export function userIn(identity: Identity): Principal {
  if (!identity.user) throw refusal('TOKEN_REQUIRED');
  return identity.user;
}
