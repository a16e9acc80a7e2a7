import type { DescMethod } from '@bufbuild/protobuf';
import { z } from 'zod';
import { accessOf } from './access.ts';
import type { Caller, Principal } from './claims.ts';
import type { HeaderSource } from './credentials.ts';
import { refusal, refusalReasonOf } from './error.ts';
import { checkOptions, func, having } from './options.ts';
import { callerOf, type Check, compileRule, type Identity, type PolicyDeps } from './policy.ts';
import type { RevocationFeed } from './revocation-feed.ts';
import type { Revocations } from './revocations.ts';
import type { AccessRule } from './rule.ts';
import type { Need, Trouble } from './trouble.ts';
import { createVerifier, type VerifierOptions, verifierOptions } from './verifier.ts';

/** Checks calls to methods and routes. */
export interface Guard {
  /**
   * Checks a call to a method against the rule in its definition.
   * @param known the result of `caller` for this request, if it was called before
   * @throws TOKEN_REQUIRED, INVALID_TOKEN, REAUTHENTICATION_REQUIRED, INSUFFICIENT_SCOPE, CALLER_NOT_ALLOWED,
   * KEYS_UNAVAILABLE or REVOCATIONS_STALE; Error for a method without a valid rule (`assertCovered` finds it at start)
   */
  admit(method: DescMethod, headers: HeaderSource, known?: Promise<Caller | undefined>): Promise<Identity>;
  /** Checks a request against a rule. Create the rule object once, not per request: its compiled form is cached by identity. */
  check(rule: AccessRule, headers: HeaderSource): Promise<Identity>;
  /** Verifies a user's access token without a rule. @throws INVALID_TOKEN, KEYS_UNAVAILABLE or REVOCATIONS_STALE */
  verify(token: string): Promise<Principal>;
  /**
   * Verifies the calling service's token without a rule. Returns undefined without a token.
   * @throws CALLER_NOT_ALLOWED if the token is invalid, KEYS_UNAVAILABLE or REVOCATIONS_STALE
   */
  caller(headers: HeaderSource): Promise<Caller | undefined>;
  /** Resolves once the keys and, with a revocation feed, the revocations are loaded. */
  ready(): Promise<void>;
  /** Returns whether the keys and the revocations are loaded. */
  isReady(): boolean;
  /** Returns what the guard is missing, as a word that is safe to show to clients; undefined once `isReady`. */
  obstacle(): Need | undefined;
  /** Reloads the keys, for a caller that knows that they changed. Returns whether that succeeded. */
  refreshKeys(): Promise<boolean>;
  /** Stops loading keys and revocations. */
  close(): void;
}

/** Options of a guard. */
export interface GuardOptions extends VerifierOptions {
  /** May be a feed: the guard then waits for it in `ready` and closes it. */
  readonly revocations: (Revocations & Partial<RevocationFeed>) | 'none';
  /**
   * Called within a second when the list of missing data changes; the list is empty
   * once nothing is missing. Default: `process.emitWarning` for each entry. Must not
   * throw.
   */
  readonly onTrouble?: (troubles: readonly Trouble[]) => void;
}

/** Schema of the options of a guard. */
export const guardOptions = z.strictObject({ ...verifierOptions, onTrouble: func.optional() });

/** Interval of checking for missing data, ms. */
const checkEvery = 1_000;

/**
 * Creates a guard.
 * @throws Error on unknown or invalid options
 */
export function createGuard(options: GuardOptions): Guard {
  checkOptions('the guard', guardOptions, options);
  const { onTrouble = warn, ...verifying } = options;
  const { keys, observe } = options;
  const revocations = options.revocations === 'none' ? undefined : options.revocations;
  const clock = options.clock ?? revocations?.time?.now ?? Date.now;
  const verifier = createVerifier(verifying);
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

  const admit: Guard['admit'] = async (method, headers, known) =>
    checkOf(byMethod, method, () => accessOf(method))(headers, known);

  const observed: Guard['admit'] = async (method, headers, known) => {
    const name = `${method.parent.typeName}/${method.name}`;
    try {
      const identity = await admit(method, headers, known);
      observe?.decision?.('admitted', name);
      return identity;
    } catch (error) {
      const reason = refusalReasonOf(error);
      if (reason) observe?.decision?.(reason, name);
      throw error;
    }
  };

  let hasKeys = false;
  const keysReady = keys.ready().then(() => void (hasKeys = true));
  // Prevents an unhandled rejection if `ready` is never called.
  keysReady.catch(() => undefined);

  function troubles(): Trouble[] {
    const why = keys.trouble();
    const ofFeed = revocations?.trouble?.();
    return [...(why === undefined ? [] : [{ need: 'keys' as const, why }]), ...(ofFeed ? [ofFeed] : [])];
  }

  let reported = '[]';
  const checking = setInterval(() => {
    const now = troubles();
    const text = JSON.stringify(now);
    if (text === reported) return;
    reported = text;
    onTrouble(now);
  }, checkEvery).unref();
  const hasRevocations = () => revocations?.isReady?.() ?? true;

  return {
    admit: observe?.decision ? observed : admit,
    check: async (rule, headers) => (rule === 'public' ? {} : checkOf(byRule, rule, () => rule)(headers)),
    verify: (token) => verifier.user(token),
    caller: (headers) => callerOf(headers, verifier),
    async ready() {
      await Promise.all([keysReady, revocations?.ready?.()]);
    },
    isReady: () => hasKeys && hasRevocations(),
    obstacle() {
      if (!hasKeys) return 'keys';
      return hasRevocations() ? undefined : (revocations?.trouble?.()?.need ?? 'revocations');
    },
    refreshKeys: () => keys.refresh(),
    close() {
      clearInterval(checking);
      keys.close();
      revocations?.close?.();
    },
  };
}

/** Checks that a value is a guard. @throws Error if it is not */
export function assertGuard(guard: Guard): void {
  checkOptions('the gate', z.strictObject({ guard: having('admit', 'check') }), { guard });
}

/** Emits a process warning for each trouble. */
function warn(troubles: readonly Trouble[]): void {
  for (const { need, why } of troubles) process.emitWarning(why, { type: 'SignetGuardWarning', code: need });
}

/** Returns the user of an identity. @throws TOKEN_REQUIRED without a user */
export function userIn(identity: Identity): Principal {
  if (!identity.user) throw refusal('TOKEN_REQUIRED');
  return identity.user;
}
