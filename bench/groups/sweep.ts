import { openDatabase } from '#kit/db/database.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { sweep as runSweep } from '#kit/work/sweep.ts';
import { endedSessions } from '../../services/auth/sessions/store/sweep.ts';
import type { Place } from '../server/systems.ts';
import type { Bench, Facts } from './bench.ts';
import { withDatabase } from './grown.ts';

/** Accounts, and the sessions of each. */
const [accounts, each] = [1_000, 1_000];
/** Sweeps that are timed together: one takes less than the resolution of PostgreSQL's CPU time. */
const runs = 200;
/** Sessions that are due at a time. */
const due = 100_000;

/** Measures the sweep of a million sessions: when none is due, and by session that it deletes or keeps. */
export async function sweep(bench: Bench): Promise<Facts> {
  const place = await bench.place('sweep');
  const url = new Secret(place.environment['DATABASE_URL'] ?? '');
  await migrate({ url, ...migrationsOf('auth'), log: silentLog });
  await fill(place);
  const database = openDatabase({ url, applicationName: 'bench-sweep', log: silentLog });

  /** Sweeps, and returns the duration, ms, and the CPU time of PostgreSQL, µs. */
  async function timed(expected: number, times = 1) {
    const [cpu, began] = [bench.postgresCpu(), performance.now()];
    for (let time = 0; time < times; time += 1) {
      const count = await runSweep(database.statements, 'auth sessions', endedSessions);
      if (count !== expected) throw new Error(`the sweep dealt with ${count} sessions, not ${expected}`);
    }
    return { took: (performance.now() - began) / times, cpu: (bench.postgresCpu() - cpu) / times };
  }

  try {
    const none = await timed(0, runs);
    await makeDue(place, ", expires_at = now() - interval '31 days'");
    const deleted = await timed(due);
    await makeDue(place);
    const kept = await timed(due);
    return {
      title: `Sweep of ${(accounts * each).toLocaleString('en-US')} sessions`,
      facts: [
        { name: 'none is due', value: none.took, unit: 'ms' },
        { name: 'none is due, CPU time of PostgreSQL', value: none.cpu / 1_000, unit: 'ms' },
        {
          name: `${due.toLocaleString('en-US')} are due and deleted, with pauses`,
          value: deleted.took / 1_000,
          unit: 's',
        },
        { name: 'CPU time of PostgreSQL per deleted session', value: deleted.cpu / due, unit: 'µs' },
        { name: 'CPU time of PostgreSQL per session that is due and kept', value: kept.cpu / due, unit: 'µs' },
      ],
    };
  } finally {
    await database.close();
  }
}

/** Inserts accounts and their sessions, none of them due. */
async function fill(place: Place): Promise<void> {
  await withDatabase(place, async (db) => {
    await db.query('SET session_replication_role = replica');
    await db.query(
      `INSERT INTO auth.users (id, email, name, password_hash, roles)
       SELECT uuidv7(), 'user' || n || '@example.com', 'User ' || n, 'no hash', '{user}'
       FROM generate_series(1, ${accounts}) n`,
    );
    await db.query(
      `INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time,
                                  idle_expires_at, expires_at, sweep_at)
       SELECT uuidv7(), id, 'signet', 'a browser', '192.0.2.1', '192.0.2.1', '{pwd}', sha256(id::text::bytea), now(),
              now() + interval '7 days', now() + interval '30 days', now() + interval '30 days'
       FROM auth.users, generate_series(1, ${each})`,
    );
    await db.query('VACUUM ANALYZE auth.sessions');
  });
}

/** Makes sessions due, and changes them otherwise. @param more assignments */
async function makeDue(place: Place, more = ''): Promise<void> {
  await withDatabase(place, async (db) => {
    await db.query('SET session_replication_role = replica');
    await db.query(
      `UPDATE auth.sessions SET sweep_at = now()${more}
       WHERE id IN (SELECT id FROM auth.sessions ORDER BY id LIMIT ${due})`,
    );
    await db.query('VACUUM ANALYZE auth.sessions');
  });
}
