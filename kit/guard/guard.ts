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

/** What stands in front of methods and routes. */
export interface Guard {
  /**
   * Admits a call to a method by the rule in its definition. Throws TOKEN_REQUIRED,
   * INVALID_TOKEN, REAUTHENTICATION_REQUIRED, INSUFFICIENT_SCOPE,
   * CALLER_NOT_ALLOWED, KEYS_UNAVAILABLE or REVOCATIONS_STALE; and a plain Error
   * for a method without a valid rule, which `assertCovered` finds at start.
   * @param known what `caller` answered for this request, where it was asked before
   */
  admit(method: DescMethod, headers: HeaderSource, known?: Promise<Caller | undefined>): Promise<Identity>;
  /** The same for a rule that is not in a definition. Make the rule once, not per request. */
  check(rule: AccessRule, headers: HeaderSource): Promise<Identity>;
  /** Verifies a user's access token, with no rule. Throws INVALID_TOKEN, KEYS_UNAVAILABLE or REVOCATIONS_STALE. */
  verify(token: string): Promise<Principal>;
  /**
   * The service whose token came along, with no rule; undefined without one.
   * Throws CALLER_NOT_ALLOWED where the token is not good, KEYS_UNAVAILABLE or REVOCATIONS_STALE.
   */
  caller(headers: HeaderSource): Promise<Caller | undefined>;
  /** Resolves once keys and, where there is a feed of them, revocations are held. */
  ready(): Promise<void>;
  /** Tells whether keys are held, and all revocations that could be known. */
  isReady(): boolean;
  /** What keeps the guard from working, in a word that is safe to show; undefined once `isReady`. */
  obstacle(): Need | undefined;
  /** Reads the keys again, for a caller that knows that they changed. */
  refreshKeys(): Promise<boolean>;
  /** Stops reading keys, and hearing of revocations. */
  close(): void;
}

/** Options of a guard. */
export interface GuardOptions extends VerifierOptions {
  /** May be a feed, which the guard then waits for and closes. */
  readonly revocations: (Revocations & Partial<RevocationFeed>) | 'none';
  /**
   * Hears, within a second, when what the guard cannot get changes; with an empty
   * list when it has everything again. Default: a warning of the process
   * (`process.emitWarning`) for each. Must not throw.
   */
  readonly onTrouble?: (troubles: readonly Trouble[]) => void;
}

/** The options of a guard. */
export const guardOptions = z.strictObject({ ...verifierOptions, onTrouble: func.optional() });

/** How often the guard looks whether it lacks something, ms. */
const lookEvery = 1_000;

/**
 * Creates a guard.
 * @throws Error on options that are unknown or make no sense
 */
export function createGuard(options: GuardOptions): Guard {
  checkOptions('the guard', guardOptions, options);
  const { onTrouble = warn, ...verifying } = options;
  const { keys, observe, clock = Date.now } = options;
  const revocations = options.revocations === 'none' ? undefined : options.revocations;
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
  // Nobody has to wait for it.
  keysReady.catch(() => undefined);

  function troubles(): Trouble[] {
    const why = keys.trouble();
    const ofFeed = revocations?.trouble?.();
    return [...(why === undefined ? [] : [{ need: 'keys' as const, why }]), ...(ofFeed ? [ofFeed] : [])];
  }

  let reported = '[]';
  const looking = setInterval(() => {
    const now = troubles();
    const text = JSON.stringify(now);
    if (text === reported) return;
    reported = text;
    onTrouble(now);
  }, lookEvery).unref();
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
      clearInterval(looking);
      keys.close();
      revocations?.close?.();
    },
  };
}

/** @throws Error where what should be a guard is none: a gate must not be made without one */
export function assertGuard(guard: Guard): void {
  checkOptions('the gate', z.strictObject({ guard: having('admit', 'check') }), { guard });
}

/** Says what is wrong where a Node process says such things. */
function warn(troubles: readonly Trouble[]): void {
  for (const { need, why } of troubles) process.emitWarning(why, { type: 'SignetGuardWarning', code: need });
}

/** The user of an identity. Throws TOKEN_REQUIRED without one. */
export function userIn(identity: Identity): Principal {
  if (!identity.user) throw refusal('TOKEN_REQUIRED');
  return identity.user;
}
