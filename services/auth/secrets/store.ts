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
 * Opens the MAC keys. The first start derives them from the master key and stores
 * them sealed, so that a change of the master key does not change them and sessions
 * continue.
 * @throws StartError if a key was sealed under another master key
 */
export async function openMacs(db: PrismaClient, master: MasterKey): Promise<Macs> {
  for (const purpose of macPurposes) {
    const name = nameOf(purpose);
    const sealed = master.seal(master.derive(purpose), contextOfSecret(name));
    await db.storedSecret.createMany({ data: [{ name, sealed }], skipDuplicates: true });
  }
  const stored = await db.storedSecret.findMany({ where: { name: { in: macPurposes.map(nameOf) } } });
  const open = (purpose: MacPurpose): Uint8Array => {
    const name = nameOf(purpose);
    const { sealed } = stored.find((one) => one.name === name) ?? { sealed: new Uint8Array() };
    if (!master.opens(sealed, contextOfSecret(name))) throw wrongKey(name);
    return master.open(sealed, contextOfSecret(name));
  };
  return createMacs({ refresh: open('refresh'), csrf: open('csrf'), device: open('device') });
}

/** Rewraps a sealed value; undefined if it is already sealed under the current key. `what` names it in an error. */
export type Rewrapped = (sealed: Uint8Array, context: string, what: string) => Uint8Array<ArrayBuffer> | undefined;

/** Locks and rewraps the sealed rows of a table in a transaction; returns the number of changed rows. */
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
 * Rewraps all values sealed under the previous master key, in one transaction. Of
 * several replicas that start at once, one rewraps.
 * @param tables tables of other rooms, locked in this order
 * @throws StartError if a value was sealed under neither key
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
  log.info({ rewrapped: count }, 'rewrapped the values sealed under SIGNET_MASTER_KEY_PREVIOUS');
}

function wrongKey(what: string): StartError {
  return new StartError(`${what} was sealed under another SIGNET_MASTER_KEY than the one given`);
}
