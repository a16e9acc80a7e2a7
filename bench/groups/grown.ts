import type { Client } from 'pg';
import { setTimeout } from 'node:timers/promises';
import { connectTo } from '#kit/db/database.ts';
import { Secret } from '#kit/log/secret.ts';
import type { Place } from '../server/systems.ts';

/** Runs work on a connection to the database of a place. */
export async function withDatabase<T>({ environment }: Place, work: (db: Client) => Promise<T>): Promise<T> {
  const db = await connectTo(new Secret(environment['DATABASE_URL'] ?? ''));
  try {
    return await work(db);
  } finally {
    await db.end();
  }
}

/**
 * Adds accounts, each with a session and two audit events. Triggers are disabled.
 * @param place whose database has person0@example.com, whose password all accounts get
 */
export async function grow(place: Place, size: number): Promise<void> {
  await withDatabase(place, async (db) => {
    await db.query(`SET session_replication_role = replica`);
    await db.query(
      `INSERT INTO auth.users (id, email, name, password_hash, roles)
       SELECT uuidv7(), 'user' || n || '@example.com', 'User ' || n, known.password_hash, '{user}'
       FROM generate_series(1, ${size}) n,
            (SELECT password_hash FROM auth.users WHERE email = 'person0@example.com') known`,
    );
    await db.query(
      `INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time,
                                  idle_expires_at, expires_at, sweep_at)
       SELECT uuidv7(), id, 'signet', 'a browser', '192.0.2.1', '192.0.2.1', '{pwd}', sha256(id::text::bytea), now(),
              now() + interval '7 days', now() + interval '30 days', now() + interval '30 days'
       FROM auth.users`,
    );
    for (const kind of ['registered', 'login']) {
      await db.query(
        `INSERT INTO auth.audit_events (id, kind, outcome, actor_id, subject_id)
         SELECT uuidv7(), '${kind}', 'success', id::text, id::text FROM auth.users`,
      );
    }
    await chainAll(db);
    await db.query('VACUUM ANALYZE auth.users, auth.sessions, auth.audit_events');
  });
}

/** Chains audit events until none is left. Otherwise the service chains them during the measurement. */
async function chainAll(db: Client): Promise<void> {
  const isLeft = async () => (await db.query('SELECT FROM auth.audit_unchained LIMIT 1')).rowCount === 1;
  while (await isLeft()) {
    const { rows } = await db.query<{ count: number }>('SELECT auth.chain_audit_events(2147483647) AS count');
    // The service is chaining some of them.
    if (rows[0]?.count === 0) await setTimeout(100);
  }
}
