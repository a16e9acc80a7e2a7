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
  /** When the email was verified. */
  readonly verifiedAt?: Date | undefined;
}

/** The normalized email that identifies an account. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** Persistence port for accounts. */
export interface UserStore {
  find(id: string): Promise<User | undefined>;
}
