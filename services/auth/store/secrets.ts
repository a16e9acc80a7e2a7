import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import {
  createMacs,
  createMasterKey,
  type MacPurpose,
  macPurposes,
  type Macs,
  type MasterKey,
} from '../crypto/master-key.ts';
import { contextOf } from '../crypto/signing-key.ts';
import { insertAudit } from './audit.ts';
import { oneKeyChangeAtATime } from './keys.ts';

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

/**
 * Wraps everything that is sealed under the previous master key anew, in one
 * transaction. Where replicas start at once, one of them does it.
 * @throws StartError where something was sealed under neither key
 */
export async function rewrapAll(
  db: PrismaClient,
  keys: { readonly current: Secret<Buffer>; readonly previous: Secret<Buffer> },
  log: Log,
): Promise<void> {
  const [current, previous] = [createMasterKey(keys.current), createMasterKey(keys.previous)];
  const rewrapped = (sealed: Uint8Array, context: string, what: string) => {
    if (current.opens(sealed, context)) return undefined;
    if (!previous.opens(sealed, context)) throw wrongKey(what);
    return previous.rewrap(sealed, context, keys.current);
  };
  const count = await db.$transaction(async (tx) => {
    await oneKeyChangeAtATime(tx);
    let changed = 0;
    const signing = await tx.$queryRaw<{ kid: string; sealed_private: Uint8Array }[]>`
      SELECT kid, sealed_private FROM auth.signing_keys WHERE sealed_private IS NOT NULL ORDER BY kid FOR UPDATE`;
    for (const { kid, sealed_private: sealed } of signing) {
      const sealedPrivate = rewrapped(sealed, contextOf(kid), `signing key ${kid}`);
      if (sealedPrivate) await tx.signingKey.update({ where: { kid }, data: { sealedPrivate } });
      if (sealedPrivate) changed += 1;
    }
    const secrets = await tx.$queryRaw<{ name: string; sealed: Uint8Array }[]>`
      SELECT name, sealed FROM auth.secrets ORDER BY name FOR UPDATE`;
    for (const { name, sealed } of secrets) {
      const anew = rewrapped(sealed, contextOfSecret(name), name);
      if (anew) await tx.storedSecret.update({ where: { name }, data: { sealed: anew } });
      if (anew) changed += 1;
    }
    if (changed > 0) {
      await insertAudit(tx, { kind: 'master_key_changed', outcome: 'success', details: { rewrapped: changed } });
    }
    return changed;
  });
  log.info({ rewrapped: count }, 'what was sealed under SIGNET_MASTER_KEY_PREVIOUS is sealed under SIGNET_MASTER_KEY');
}

function wrongKey(what: string): StartError {
  return new StartError(`${what} was sealed under another SIGNET_MASTER_KEY than the one given`);
}
