/** An account. */
export interface User {
  readonly id: string;
  /** In lower case. */
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly createdAt: Date;
  /** When an administrator disabled it. */
  readonly disabledAt?: Date | undefined;
  /** When its owner proved that the address is theirs. */
  readonly verifiedAt?: Date | undefined;
}

/** The one spelling of an email that accounts are kept under. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** Persistence port for accounts. */
export interface UserStore {
  find(id: string): Promise<User | undefined>;
}
