import { createHash } from 'node:crypto';
import { failure } from '#kit/errors/failure.ts';

/** How often something may be tried within a time. */
export interface Budget {
  /** What is counted. */
  readonly key: string;
  readonly limit: number;
  /** ms, from the first try on. */
  readonly window: number;
}

/** Tries, kept. Every verb is one statement. */
export interface AttemptStore {
  /** Counts a try, unless the budget is used up; then the seconds until it is not. */
  reserve(budget: Budget): Promise<number | undefined>;
  /** Takes back one try that was counted. */
  giveBack(key: string): Promise<void>;
  /** Forgets all tries. */
  clear(key: string): Promise<void>;
}

/** Limits on what guessers repeat. */
export interface Limits {
  /**
   * Counts a try of a password before it is checked. Past the limit nothing is counted.
   * @param account the email, as accounts are kept under
   * @param network where the try comes from
   * @param knownHere whether the account's owner has been in that network: then strangers elsewhere can't use up their tries
   * @throws LOGIN_LIMITED with Retry-After
   */
  tryPassword(account: string, network: string, knownHere: boolean): Promise<PasswordTry>;
  /** Counts a mail. False where the account has had enough: nothing is sent then. @throws LOGIN_LIMITED where the network has */
  tryMail(account: string, network: string): Promise<boolean>;
  /** Lets an account's tries begin anew: its owner has proved who they are. */
  forgive(account: string, network: string): Promise<void>;
}

/** A try that was counted. */
export interface PasswordTry {
  /** The password was right: the account's tries are forgotten, the network's does not count. */
  succeeded(): Promise<void>;
}

const minute = 60_000;
/** Failed sign-ins are counted for so long. */
const loginWindow = 15 * minute;
/** Mails an hour, to one account and from one network. */
const mails = { window: 60 * minute, account: 5, network: 20 };

/** Makes the keeper of limits. */
export function createLimits(deps: {
  readonly store: AttemptStore;
  /** Failed sign-ins of an account, and of a network, in 15 minutes. */
  readonly account: number;
  readonly network: number;
  /** Told when a budget is used up; at most once a budget and window. */
  readonly onLimited: (what: string) => Promise<void>;
}): Limits {
  const { store, onLimited } = deps;

  async function reserve(budget: Budget): Promise<void> {
    const wait = await store.reserve(budget);
    if (wait === undefined) return;
    const told = { key: `told ${budget.key}`, limit: 1, window: Math.min(wait * 1_000, budget.window) };
    if ((await store.reserve(told)) === undefined) await onLimited(budget.key);
    throw failure('LOGIN_LIMITED', { retryAfter: wait });
  }

  return {
    async tryPassword(account, network, knownHere) {
      const ofAccount = keyOf('login', account, ...(knownHere ? [network] : []));
      const ofNetwork = keyOf('login network', network);
      await reserve({ key: ofAccount, limit: deps.account, window: loginWindow });
      try {
        if (network !== '') await reserve({ key: ofNetwork, limit: deps.network, window: loginWindow });
      } catch (error) {
        // A try that is refused for its network must not count against the account.
        await store.giveBack(ofAccount);
        throw error;
      }
      return {
        async succeeded() {
          await store.clear(ofAccount);
          if (network !== '') await store.giveBack(ofNetwork);
        },
      };
    },
    async tryMail(account, network) {
      if (network !== '') {
        await reserve({ key: keyOf('mail network', network), limit: mails.network, window: mails.window });
      }
      const ofAccount = { key: keyOf('mail', account), limit: mails.account, window: mails.window };
      return (await store.reserve(ofAccount)) === undefined;
    },
    async forgive(account, network) {
      await store.clear(keyOf('login', account));
      await store.clear(keyOf('login', account, network));
    },
  };
}

/** Hashed: whoever reads the table learns no addresses that somebody typed. */
function keyOf(purpose: string, ...parts: readonly string[]): string {
  return `${purpose} ${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`;
}
