import { createHash } from 'node:crypto';
import type { Actor } from '../../audit/public.ts';
import { failure } from '../../reasons.ts';

/** How often something may be tried within a time. */
export interface Budget {
  /** What is counted. */
  readonly key: string;
  readonly limit: number;
  /** ms, from the first try on. */
  readonly window: number;
}

/** Persistence port for tries. Every verb is one statement. */
export interface AttemptStore {
  /**
   * Counts a try, unless the budget is used up; then the seconds until it is not.
   * @param isAlsoCounted whether a wider budget counted it, too
   */
  reserve(budget: Budget, isAlsoCounted?: boolean): Promise<number | undefined>;
  /** Takes back one try that was counted. */
  giveBack(key: string): Promise<void>;
  /** Forgets all tries of a key, and takes those back from a wider one that it counted, too. */
  forgive(key: string, wider: string): Promise<void>;
  /** Forgets all tries. */
  clear(key: string): Promise<void>;
}

/** Where a try comes from. */
export interface Place {
  readonly by: Actor;
  /** The address's network; empty where it is unknown. */
  readonly network: string;
  /** The account was signed in from that network, or its password was set from it, within 30 days. */
  readonly isKnownNetwork: boolean;
  /** The device, where a valid device token of the account came along. */
  readonly device?: string | undefined;
}

/** Limits on what guessers repeat. */
export interface Limits {
  /**
   * Counts a try of a password before it is compared: against the account, against the device or the account in this
   * network, and against the network. A try is admitted while the account has tries left; past that, from a known
   * device or network while those have. The rest of the tries are counted and answered alike wherever they come from
   * and whether the account exists, so that an answer does not show where an owner signs in from.
   * @param account the email, as accounts are kept under
   * @throws LOGIN_LIMITED with Retry-After, where neither the account nor the place has tries left, or the network has not
   */
  tryPassword(account: string, place: Place): Promise<PasswordTry>;
  /** Counts a mail. False where the account has had enough from there: nothing is sent then. @throws LOGIN_LIMITED where the network has */
  tryMail(purpose: string, account: string, place: Place): Promise<boolean>;
  /** Resets an account's tries, and those of the place: its owner has proved who they are. */
  forgive(account: string, network: string, device: string | undefined): Promise<void>;
}

/** A try that was counted. */
export interface PasswordTry {
  /** Whether the password may be compared. Otherwise it must cost the same, and fail. */
  readonly isAdmitted: boolean;
  /** Past the account's limit: seconds until it has tries again, which a wrong password is answered. */
  readonly retryAfter: number | undefined;
  /** The password was right: the tries of its place are forgotten, there and in the account's count. */
  succeeded(): Promise<void>;
}

const minute = 60_000;
/** Failed sign-ins are counted for so long. */
const loginWindow = 15 * minute;
/**
 * Mails to an account, of each purpose. Those to known places are sent however many strangers ask for. The window is as
 * long as a link is good: where strangers have used their share up, one of their links is in the owner's mailbox.
 */
const mails = { window: 30 * minute, place: 4, strangers: 5 };
const mailsOfNetwork = { window: 60 * minute, limit: 20 };

/** Creates the limits. */
export function createLimits(deps: {
  readonly store: AttemptStore;
  /** Failed sign-ins in 15 minutes: of an account, of a known device, and of an account in one network. */
  readonly account: number;
  /** Failed sign-ins of a network in 15 minutes, whatever the account. */
  readonly network: number;
  /** Called when a budget is used up; at most once a budget and window. */
  readonly onLimited: (budget: string, by: Actor) => Promise<void>;
}): Limits {
  const { store, onLimited } = deps;

  /** Counts a try; the seconds to wait where there is none left, which is reported once. */
  async function reserve(budget: Budget, by: Actor): Promise<number | undefined> {
    const wait = await store.reserve(budget);
    if (wait === undefined) return undefined;
    const reported = { key: `told ${budget.key}`, limit: 1, window: Math.min(wait * 1_000, budget.window) };
    if ((await store.reserve(reported)) === undefined) await onLimited(budget.key, by);
    return wait;
  }

  const guesses = (key: string): Budget => ({ key, limit: deps.account, window: loginWindow });

  async function reserveOrThrow(budget: Budget, by: Actor): Promise<void> {
    const wait = await reserve(budget, by);
    if (wait !== undefined) throw failure('LOGIN_LIMITED', { retryAfter: wait });
  }

  return {
    async tryPassword(account, { by, network, isKnownNetwork, device }) {
      const ofAccount = keyOf('login', account);

      // Before the network: strangers in it may have used that up.
      if (device !== undefined) {
        const ofDevice = keyOf('login device', account, device);
        const accountWait = await reserve(guesses(ofAccount), by);
        const deviceWait = await store.reserve(guesses(ofDevice), accountWait === undefined);
        if (deviceWait === undefined) {
          return { isAdmitted: true, retryAfter: accountWait, succeeded: () => store.forgive(ofDevice, ofAccount) };
        }
        if (accountWait === undefined) await store.giveBack(ofAccount);
      }

      const ofNetwork = network === '' ? undefined : keyOf('login network', network);
      // First, so that what is refused here does not count against the account.
      if (ofNetwork !== undefined) {
        await reserveOrThrow({ key: ofNetwork, limit: deps.network, window: loginWindow }, by);
      }
      const ofPlace = keyOf('login', account, network);
      const accountWait = await reserve(guesses(ofAccount), by);
      const placeWait = await store.reserve(guesses(ofPlace), accountWait === undefined);
      if (accountWait !== undefined && placeWait !== undefined) {
        if (ofNetwork !== undefined) await store.giveBack(ofNetwork);
        throw failure('LOGIN_LIMITED', { retryAfter: accountWait });
      }
      return {
        isAdmitted: accountWait === undefined || isKnownNetwork,
        retryAfter: accountWait,
        async succeeded() {
          await store.forgive(ofPlace, ofAccount);
          if (accountWait === undefined && placeWait !== undefined) await store.giveBack(ofAccount);
          if (ofNetwork !== undefined) await store.giveBack(ofNetwork);
        },
      };
    },

    async tryMail(purpose, account, { by, network, isKnownNetwork, device }) {
      if (network !== '' && device === undefined) {
        await reserveOrThrow({ key: keyOf('mail network', network), ...mailsOfNetwork }, by);
      }
      const { window } = mails;
      const ofPlace = keyOf('mail', purpose, account, device ?? network);
      if ((await store.reserve({ key: ofPlace, limit: mails.place, window })) !== undefined) return false;
      const all = keyOf('mail', purpose, account);
      // Counted for known places, too, so that the time it takes does not tell them from others.
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

/** Hashed, so that the table does not tell the addresses that people typed. */
function keyOf(purpose: string, ...parts: readonly string[]): string {
  return `${purpose} ${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`;
}
