/** An account. */
export interface User {
  readonly id: string;
  /** Normalized (kit/contract/email.ts). */
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly createdAt: Date;
  /** When an administrator disabled it. */
  readonly disabledAt?: Date | undefined;
  /** When the email was verified. */
  readonly verifiedAt?: Date | undefined;
}

/** Persistence port for accounts. */
export interface UserStore {
  find(id: string): Promise<User | undefined>;
  /** Returns the emails of the ids that are accounts, by id. Other texts among the ids are ignored. */
  emailsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
}
