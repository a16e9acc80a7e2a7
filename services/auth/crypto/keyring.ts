import { exportSPKI, importJWK, type JWK } from 'jose';
import type { Log } from '#kit/log/log.ts';
import type { KeyStore } from '../store/keys.ts';
import type { MasterKey } from './master-key.ts';
import { generateSigningKey, openSigner, type Signer, type SigningAlgorithm } from './signing-key.ts';

/** The keys of this auth service, in memory. */
export interface Keyring {
  /** The key that new tokens are signed with. */
  active(): Signer;
  /** The public keys, the active one first. */
  jwks(): readonly JWK[];
  /** The active public key (RFC 7468). */
  pem(): string;
  /** Reads the keys anew. */
  reload(): Promise<void>;
  close(): void;
}

/** Replicas learn of a key that another one made within this time, ms. */
const reloadEvery = 30_000;

/** Opens the keyring; the first start makes the first key, and another `alg` than the last one's makes a new one. */
export async function openKeyring(
  store: KeyStore,
  master: MasterKey,
  alg: SigningAlgorithm,
  log: Log,
): Promise<Keyring> {
  await ensureActive(store, master, alg, log);
  let held = await read(store, master);
  const reload = async (): Promise<void> => {
    held = await read(store, master, held);
  };
  const timer = setInterval(() => {
    reload().catch((error: unknown) =>
      log.warn({ err: error }, 'signing keys could not be read; those in memory stay'),
    );
  }, reloadEvery).unref();
  return {
    active: () => held.signer,
    jwks: () => held.jwks,
    pem: () => held.pem,
    reload,
    close: () => clearInterval(timer),
  };
}

interface Held {
  readonly signer: Signer;
  readonly jwks: readonly JWK[];
  readonly pem: string;
}

async function read(store: KeyStore, master: MasterKey, previous?: Held): Promise<Held> {
  const published = await store.listPublished();
  const [active] = published;
  if (!active) throw new Error('there is no signing key');
  const jwks = published.map(({ publicJwk }) => publicJwk);
  if (previous?.signer.kid === active.kid) return { ...previous, jwks };
  const publicKey = await importJWK(active.publicJwk, active.alg, { extractable: true });
  return { signer: await openSigner(active, master), jwks, pem: await exportSPKI(publicKey as CryptoKey) };
}

/** Where replicas start at once, one makes the key and all use it. */
async function ensureActive(store: KeyStore, master: MasterKey, alg: SigningAlgorithm, log: Log): Promise<void> {
  const active = await store.findActive();
  if (active?.alg === alg) return;
  const key = await generateSigningKey(alg, master);
  if (await store.activate(key, active?.kid)) log.info({ kid: key.kid, alg }, 'a signing key was made');
}
