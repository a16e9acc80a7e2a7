import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { startWork } from '#kit/work/work.ts';
import { createRegistrationStore } from '../../services/auth/accounts/store/registration.ts';
import { buildAudit } from '../../services/auth/audit/build.ts';
import { insertAudit, system } from '../../services/auth/audit/public.ts';
import { buildEvents } from '../../services/auth/events/build.ts';
import type { Ground } from '../../services/auth/ground.ts';
import { createPasswordStore } from '../../services/auth/passwords/store.ts';
import { buildRevocation } from '../../services/auth/revocation/build.ts';
import { createSessionStore } from '../../services/auth/sessions/store/sessions.ts';
import type { Spec, Work } from './work.ts';

const day = 86_400_000;

/** Accounts of a chain, which take turns: an account with very many sessions is not the usual one. */
const each = 50;

/**
 * A replica of the auth service as far as its database sees it: the stores of its acts, and the work that chains audit
 * events and numbers events and revocations. No HTTP, no hash, no token.
 */
export async function audited(spec: Extract<Spec, { kind: 'audited' }>): Promise<Work> {
  const { databaseUrl, connections, act } = spec;
  const database = openDatabase({
    url: new Secret(databaseUrl),
    // Those of the work come on top.
    max: connections + 3,
    applicationName: 'bench-audited',
    log: silentLog,
  });
  const { statements, clock } = database;
  await clock.read();
  const db = new PrismaClient(database.prisma);
  const ground = { config: { eventsRetention: 90 * day }, db, statements, clock, log: silentLog, metrics: noMetrics };
  const rooms = [
    buildAudit(ground as unknown as Ground, { emailsOf: async () => new Map() }),
    await buildEvents(ground as unknown as Ground),
    await buildRevocation(ground),
  ];
  const running = startWork(
    rooms.flatMap(({ work }) => work),
    { log: silentLog, metrics: noMetrics },
  );

  const sessions = createSessionStore(statements, { limit: 20, idle: day, max: day, grace: 0, replay: 'audit' });
  const accounts = await Promise.all(
    Array.from({ length: connections }, async () => {
      const own = [];
      while (own.length < each) own.push(await signedUp());
      return own;
    }),
  );

  async function signedUp() {
    const id = uuidv7();
    const user = { id, email: `${id}@example.com`, name: 'Ada', roles: ['user'], createdAt: new Date() };
    await createRegistrationStore(db).insertOnce(user, 'no hash', system);
    const found = await createPasswordStore(statements).findForLogin(user.email, '');
    if (!found) throw new Error('the account is missing');
    return { ...found, amr: ['pwd'], isKnownPlace: true };
  }

  let turn = 0;
  const accountOf = (chain: number) => accounts[chain]![turn++ % each]!;

  const acts: Record<typeof act, (chain: number) => Promise<unknown>> = {
    async event(chain) {
      const { id } = accountOf(chain).account;
      const actor = { id, ip: '192.0.2.1', requestId: uuidv7() };
      const details = { session_id: uuidv7() };
      return insertAudit(statements, { kind: 'login', outcome: 'success', actor, subjectId: id, details });
    },
    async session(chain) {
      const secret = new Secret(new Uint8Array(randomBytes(32)));
      const session = { id: uuidv7(), clientId: 'signet', deviceLabel: '', secret };
      const place = { id: '', ip: '192.0.2.1', requestId: uuidv7() };
      return sessions.open({ ...session, authentication: accountOf(chain) }, place);
    },
  };
  return {
    async once(chain) {
      if (!(await acts[act](chain))) throw new Error('the act failed');
    },
    async close() {
      await running.close();
      for (const { close } of rooms) await close();
      await database.close();
    },
  };
}
