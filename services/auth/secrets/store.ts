import type { Prisma, PrismaClient } from '#gen/prisma/auth/client.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { insertAudit, system } from '../audit/public.ts';
import {
  createMacs,
  createMasterKey,
  type MacPurpose,
  macPurposes,
  type Macs,
  type MasterKey,
} from './rules/master-key.ts';

const nameOf = (purpose: MacPurpose) => `mac-${purpose}`;
const contextOfSecret = (name: string) => `secret ${name}`;

/**
 * The keys of the MACs, made from the master key when they are first needed and
 * kept from then on, sealed: another master key leaves them, and with them every
 * session, as they are.
 */
export async function openMacs(db: PrismaClient, master: MasterKey): Promise<Macs> {
  for (const purpose of macPurposes) {
    const name = nameOf(purpose);
    const sealed = master.seal(master.derive(purpose), contextOfSecret(name));
    await db.storedSecret.createMany({ data: [{ name, sealed }], skipDuplicates: true });
  }
  const kept = await db.storedSecret.findMany({ where: { name: { in: macPurposes.map(nameOf) } } });
  const open = (purpose: MacPurpose): Uint8Array => {
    const name = nameOf(purpose);
    const { sealed } = kept.find((one) => one.name === name) ?? { sealed: new Uint8Array() };
    if (!master.opens(sealed, contextOfSecret(name))) throw wrongKey(name);
    return master.open(sealed, contextOfSecret(name));
  };
  return createMacs({ refresh: open('refresh'), csrf: open('csrf'), device: open('device') });
}

/** Rewraps one sealed value; undefined where it is under the current key already. `what` names it in an error. */
export type Rewrapped = (sealed: Uint8Array, context: string, what: string) => Uint8Array<ArrayBuffer> | undefined;

/** A table with sealed columns: locks and rewraps its rows in a transaction, and answers how many changed. */
export type SealedTable = (tx: Prisma.TransactionClient, rewrapped: Rewrapped) => Promise<number>;

const secretsTable: SealedTable = async (tx, rewrapped) => {
  let changed = 0;
  const secrets = await tx.$queryRaw<{ name: string; sealed: Uint8Array }[]>`
    SELECT name, sealed FROM auth.secrets ORDER BY name FOR UPDATE`;
  for (const { name, sealed } of secrets) {
    const next = rewrapped(sealed, contextOfSecret(name), name);
    if (!next) continue;
    await tx.storedSecret.update({ where: { name }, data: { sealed: next } });
    changed += 1;
  }
  return changed;
};

/**
 * Rewraps everything that is sealed under the previous master key, in one
 * transaction. Where replicas start at once, one of them does it.
 * @param tables of other rooms, each locked in this order
 * @throws StartError where something was sealed under neither key
 */
export async function rewrapAll(
  db: PrismaClient,
  keys: { readonly current: Secret<Buffer>; readonly previous: Secret<Buffer> },
  tables: readonly SealedTable[],
  log: Log,
): Promise<void> {
  const [current, previous] = [createMasterKey(keys.current), createMasterKey(keys.previous)];
  const rewrapped: Rewrapped = (sealed, context, what) => {
    if (current.opens(sealed, context)) return undefined;
    if (!previous.opens(sealed, context)) throw wrongKey(what);
    return previous.rewrap(sealed, context, keys.current);
  };
  const count = await db.$transaction(async (tx) => {
    let changed = 0;
    for (const table of [...tables, secretsTable]) changed += await table(tx, rewrapped);
    if (changed > 0) {
      await insertAudit(tx, {
        kind: 'master_key_changed',
        outcome: 'success',
        actor: system,
        details: { rewrapped: changed },
      });
    }
    return changed;
  });
  log.info({ rewrapped: count }, 'what was sealed under SIGNET_MASTER_KEY_PREVIOUS is sealed under SIGNET_MASTER_KEY');
}

function wrongKey(what: string): StartError {
  return new StartError(`${what} was sealed under another SIGNET_MASTER_KEY than the one given`);
}
