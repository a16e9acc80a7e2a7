import type { Secret } from '#kit/log/secret.ts';
import type { Closing } from './run.ts';

/** The admin that a first start created. */
interface FirstAdmin {
  readonly email: string;
  /** Set if it was generated. */
  readonly password: Secret | undefined;
}

/** Keeps the first admin's password until the process shows it. */
export interface AdminNotice {
  /** Sets the admin that was just created; undefined if an admin existed before. */
  take(admin: FirstAdmin | undefined): void;
  /** Returns the admin once, for the process to show it. */
  show(): FirstAdmin | undefined;
}

/**
 * Creates the notice of a start. The admin is created before a port opens, so the start may still fail afterwards. In
 * that case closing the process writes the generated password to standard output, because it cannot be shown later.
 */
export function createAdminNotice(closing: Pick<Closing, 'add'>): AdminNotice {
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

/** Returns the line with a generated password. It is not logged, so that readers of logs do not become admins. */
export function adminLine(email: string, password: string): string {
  return `first admin: ${email}, password: ${password}\n`;
}
