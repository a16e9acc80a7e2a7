import type { Secret } from '#kit/log/secret.ts';
import type { Closing } from './run.ts';

/** The admin that a first start made. */
interface FirstAdmin {
  readonly email: string;
  /** Set where it was generated. */
  readonly password: Secret | undefined;
}

/** Holds the first admin's password until the process shows it. */
export interface AdminNotice {
  /** Takes an admin that was just made; undefined where there was one before. */
  take(admin: FirstAdmin | undefined): void;
  /** Answers the admin for the process to show; from then on nothing is left to show. */
  show(): FirstAdmin | undefined;
}

/**
 * Creates the notice of a start. The admin exists before a port opens, so a start may still fail afterwards: the
 * generated password, which nothing can show later, is then written to standard output while the process closes.
 */
export function createAdminNotice(closing: Closing): AdminNotice {
  let held: FirstAdmin | undefined;
  const show = (): FirstAdmin | undefined => {
    const shown = held;
    held = undefined;
    return shown;
  };
  const write = (): void => {
    const admin = show();
    if (admin?.password) process.stdout.write(adminLine(admin.email, admin.password.reveal()));
  };
  closing.add(write, write);
  return {
    take: (admin) => (held = admin),
    show,
  };
}

/** The line that shows a generated password, written past the log: readers of logs must not become admins. */
export function adminLine(email: string, password: string): string {
  return `first admin: ${email}, password: ${password}\n`;
}
