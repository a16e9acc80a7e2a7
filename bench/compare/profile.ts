import { PrismaClient } from '#gen/prisma/user/client.ts';
import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { createProfiles } from '../../services/user/domain/profiles.ts';
import { createProfileStore } from '../../services/user/store/profiles.ts';

/** Reads a profile with the user service's store and domain, without the rest of Signet. */
export async function profileReader(): Promise<(id: string) => Promise<Record<string, string>>> {
  const url = new Secret(process.env['DATABASE_URL'] ?? '');
  const database = openDatabase({ url, applicationName: 'bench', log: silentLog });
  const store = createProfileStore(new PrismaClient({ adapter: database.adapter }));
  const profiles = createProfiles({ store, accounts: { callersName: never, erase: never } });
  return async (id) => ({ id, email: 'ada@example.com', ...(await profiles.get(id)) });
}

function never(): Promise<never> {
  return Promise.reject(new Error('the benchmark only reads existing profiles'));
}
