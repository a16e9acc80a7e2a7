import { createHash } from 'node:crypto';
import type { Actor } from '../../audit/public.ts';
import { failure } from '../../reasons.ts';

/** A limit on attempts within a time window. */
export interface Budget {
  /** Key of the counter. */
  readonly key: string;
  readonly limit: number;
  /** ms, from the first attempt. */
  readonly window: number;
}

/** The counters of a password attempt, from the widest. */
export interface AttemptKeys<Key> {
  /** Undefined if the network is unknown or does not count. */
  readonly network?: Key | undefined;
  readonly account: Key;
  /** The device, or the account within the network. */
  readonly place: Key;
}

/** Seconds until the limits reset that refused an attempt. */
export type Waits = Partial<AttemptKeys<number | undefined>>;

/** Persistence port for attempts. Every method is one statement. */
export interface AttemptStore {
  /** Counts an attempt. If the limit is reached, returns the seconds until it resets. */
  reserve(budget: Budget): Promise<number | undefined>;
  /** Counts an attempt for the account and the place, each unless its limit is reached; for neither if that of the network is. */
  reserveAll(budgets: AttemptKeys<Budget>): Promise<Waits>;
  /** Uncounts one attempt. */
  giveBack(key: string): Promise<void>;
  /**
   * After a correct password: resets the attempts of the place, uncounts those that the account also counted, and
   * uncounts the attempt for the network.
   * @param isAccountCounted whether the account counted the attempt and the place did not
   */
  forgive(keys: AttemptKeys<string>, isAccountCounted: boolean): Promise<void>;
  /** Resets the attempts of a key. */
  clear(key: string): Promise<void>;
}

/** The source of an attempt. */
export interface Place {
  readonly by: Actor;
  /** Network of the address; empty if unknown. */
  readonly network: string;
  /** The account signed in, or set its password, from this network within 30 days. */
  readonly isKnownNetwork: boolean;
  /** The device, if the request has a valid device token of the account. */
  readonly device?: string | undefined;
}

/** Limits on sign-in attempts and mails. */
export interface Limits {
  /**
   * Counts a password attempt before the password is compared: for the account, for the device or the account within
   * this network, and for the network. An attempt is admitted while the account is below its limit; past that, from a
   * known device or network below its own. Other attempts are counted and answered the same for every source and for
   * unknown accounts, so that a response does not reveal where an owner signs in.
   * @param account the normalized email
   * @throws LOGIN_LIMITED with Retry-After, if both the account and the place are at their limit, or the network is
   */
  tryPassword(account: string, place: Place): Promise<PasswordTry>;
  /** Counts a mail. False if the account is at its limit for this place: the mail must not be sent. @throws LOGIN_LIMITED if the network is at its limit */
  tryMail(purpose: string, account: string, place: Place): Promise<boolean>;
  /** Resets the attempts of an account and of the place, after its owner has authenticated by a link. */
  forgive(account: string, network: string, device: string | undefined): Promise<void>;
}

/** A counted password attempt. */
export interface PasswordTry {
  /** Whether the password may be compared. Otherwise the attempt must cost the same and fail. */
  readonly isAdmitted: boolean;
  /** Past the account's limit: seconds until it resets; a wrong password then fails with LOGIN_LIMITED. */
  readonly retryAfter: number | undefined;
  /** Call it if the password was right: resets the attempts of the place, also in the account's count. */
  succeeded(): Promise<void>;
}

const minute = 60_000;
/** Window in which failed sign-ins are counted. */
const loginWindow = 15 * minute;
/**
 * Mails to an account, per purpose. Requests from known places have a separate limit, which strangers cannot use up. The
 * window is as long as a link is valid: if strangers reach their limit, the owner can use one of their links.
 */
const mails = { window: 30 * minute, place: 4, strangers: 5 };
const mailsOfNetwork = { window: 60 * minute, limit: 20 };

/** Creates the limits. */
export function createLimits(deps: {
  readonly store: AttemptStore;
  /** Failed sign-ins allowed in 15 minutes: per account, per known device, and per account and network. */
  readonly account: number;
  /** Failed sign-ins allowed in 15 minutes per network, over all accounts. */
  readonly network: number;
  /** Called when a limit is reached; at most once per limit and window. */
  readonly onLimited: (budget: string, by: Actor) => Promise<void>;
}): Limits {
  const { store, onLimited } = deps;

  /** Reports a reached limit, once until it resets. */
  async function report({ key, window }: Budget, wait: number, by: Actor): Promise<void> {
    const reported = { key: `reported ${key}`, limit: 1, window: Math.min(wait * 1_000, window) };
    if ((await store.reserve(reported)) === undefined) await onLimited(key, by);
  }

  async function refuse(budget: Budget, wait: number, by: Actor): Promise<never> {
    await report(budget, wait, by);
    throw failure('LOGIN_LIMITED', { retryAfter: wait });
  }

  const guesses = (key: string): Budget => ({ key, limit: deps.account, window: loginWindow });

  /** Counts an attempt and reports a reached limit of the network or the account. @throws LOGIN_LIMITED at the network's limit */
  async function reserveAll(budgets: AttemptKeys<Budget>, by: Actor): Promise<Waits> {
    const waits = await store.reserveAll(budgets);
    if (budgets.network && waits.network !== undefined) await refuse(budgets.network, waits.network, by);
    if (waits.account !== undefined) await report(budgets.account, waits.account, by);
    return waits;
  }

  /** An attempt that was counted. */
  function counted(keys: AttemptKeys<string>, waits: Waits, isAdmitted: boolean): PasswordTry {
    const isAccountCounted = waits.account === undefined && waits.place !== undefined;
    return { isAdmitted, retryAfter: waits.account, succeeded: () => store.forgive(keys, isAccountCounted) };
  }

  return {
    async tryPassword(email, { by, network, isKnownNetwork, device }) {
      const account = keyOf('login', email);

      // The device comes before the network, whose limit strangers may have reached.
      if (device !== undefined) {
        const place = keyOf('login device', email, device);
        const waits = await reserveAll({ account: guesses(account), place: guesses(place) }, by);
        if (waits.place === undefined) return counted({ account, place }, waits, true);
        if (waits.account === undefined) await store.giveBack(account);
      }

      const ofNetwork = network === '' ? undefined : keyOf('login network', network);
      const place = keyOf('login', email, network);
      const budgets = {
        network: ofNetwork === undefined ? undefined : { key: ofNetwork, limit: deps.network, window: loginWindow },
        account: guesses(account),
        place: guesses(place),
      };
      const waits = await reserveAll(budgets, by);
      if (waits.account !== undefined && waits.place !== undefined) {
        if (ofNetwork !== undefined) await store.giveBack(ofNetwork);
        throw failure('LOGIN_LIMITED', { retryAfter: waits.account });
      }
      const isAdmitted = waits.account === undefined || isKnownNetwork;
      return counted({ network: ofNetwork, account, place }, waits, isAdmitted);
    },

    async tryMail(purpose, account, { by, network, isKnownNetwork, device }) {
      if (network !== '' && device === undefined) {
        const budget = { key: keyOf('mail network', network), ...mailsOfNetwork };
        const wait = await store.reserve(budget);
        if (wait !== undefined) await refuse(budget, wait, by);
      }
      const { window } = mails;
      const ofPlace = keyOf('mail', purpose, account, device ?? network);
      if ((await store.reserve({ key: ofPlace, limit: mails.place, window })) !== undefined) return false;
      const all = keyOf('mail', purpose, account);
      // Also counted for known places, so that timing does not distinguish them.
      const isLeft = (await store.reserve({ key: all, limit: mails.strangers, window })) === undefined;
      return isLeft || isKnownNetwork || device !== undefined;
    },

    async forgive(account, network, device) {
      await store.clear(keyOf('login', account));
      await store.clear(keyOf('login', account, network));
      if (device !== undefined) await store.clear(keyOf('login device', account, device));
    },
  };
}

/** Hashes the parts, so that the table does not reveal the entered emails. */
function keyOf(purpose: string, ...parts: readonly string[]): string {
  return `${purpose} ${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`;
}
