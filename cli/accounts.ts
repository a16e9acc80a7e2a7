import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import type { User } from '#gen/proto/signet/auth/v1/user_pb.ts';
import type { Connection } from './connect.ts';
import { CommandFailure, misuse } from './failures.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Resolves an account's id or email to its id.
 * @throws CommandFailure if no account has the email
 */
export async function accountId(connection: Connection, name: string): Promise<string> {
  if (uuid.test(name)) return name.toLowerCase();
  return (await byEmail(connection, name)).id;
}

/** Finds an account by id or email. @throws CommandFailure if no account has the email */
export async function findAccount(connection: Connection, name: string): Promise<User> {
  return uuid.test(name) ? connection.client(AdminService).getUser({ userId: name }) : byEmail(connection, name);
}

/** ListUsers filters by email prefix, so this looks for the exact match among the results. */
async function byEmail(connection: Connection, name: string): Promise<User> {
  const email = name.toLowerCase();
  if (!email.includes('@')) throw misuse(`${name} is neither an account id nor an email.`);
  const admin = connection.client(AdminService);
  let pageToken = '';
  do {
    const page = await admin.listUsers({ emailPrefix: email, pageSize: 100, pageToken });
    const found = page.users.find((user) => user.email === email);
    if (found) return found;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  throw new CommandFailure(`No account has the email ${name}. (NOT_FOUND)`);
}
