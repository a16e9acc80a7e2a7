import { exportSPKI, importJWK, type JWK } from 'jose';
import { failure } from '#kit/errors/failure.ts';
import type { KeySource } from '#kit/guard/keys.ts';
import type { Log } from '#kit/log/log.ts';
import { system } from '../../audit/public.ts';
import type { MasterKey } from '../../secrets/public.ts';
import type { KeyStore } from './keys.ts';
import {
  assertOurs,
  generateSigningKey,
  openSecret,
  openSigner,
  type Signer,
  type SigningAlgorithm,
  type StoredKey,
} from './signing-key.ts';

/** The signing keys of this process, in memory. */
export interface Keyring {
  /** The key that signs new tokens. @throws SERVICE_UNAVAILABLE while one is created in place of revoked ones */
  active(): Signer;
  /** When the active key began to sign. */
  activeSince(): Date;
  /** The public keys whose private keys this service has, the active one first. Excludes HS256 keys. */
  jwks(): readonly JWK[];
  /** The active public key (RFC 7468); undefined for HS256. */
  pem(): string | undefined;
  /** A key source for a guard of this process; sees every change immediately. */
  source(): KeySource;
  /** Reads the keys from the store, and creates an active one if there is none. On failure the keys in memory stay. */
  reload(): Promise<void>;
}

/** Opens the keyring. Creates an active key at the first start, and when `alg` has changed. */
export async function openKeyring(deps: {
  readonly store: KeyStore;
  readonly master: MasterKey;
  readonly alg: SigningAlgorithm;
  /** Creates a key source from the published JWKS. */
  readonly sourceOf: (load: () => Promise<unknown>) => KeySource;
  readonly log: Log;
}): Promise<Keyring> {
  const { store, master, alg, sourceOf, log } = deps;
  await ensureActive(store, master, alg, log);
  let held = await read({ store, master, log });
  /** Whether the held key was revoked, and none has taken its place yet. */
  let isRevoked = false;
  const sources = new Set<KeySource>();
  let reading: Promise<void> = Promise.resolve();
  const reload = (): Promise<void> => {
    // Reads are sequential: of two concurrent reads the older could finish last.
    const before = reading.catch(() => undefined);
    reading = (async () => {
      await before;
      // Without one after a restore (maintenance.ts). A key of another algorithm is the other replicas'.
      isRevoked ||= !(await store.findActive());
      if (isRevoked) await ensureActive(store, master, alg, log);
      held = await read({ store, master, log }, held);
      isRevoked = false;
      await Promise.all([...sources].map((source) => source.refresh()));
    })();
    return reading;
  };
  return {
    active() {
      // Verifiers refuse what it would sign.
      if (isRevoked) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
      return held.signer;
    },
    activeSince: () => held.since,
    jwks: () => held.jwks,
    pem: () => held.pem,
    source() {
      if (alg === 'HS256') return secretSource(() => held.secrets);
      const source = sourceOf(async () => ({ keys: held.jwks }));
      sources.add(source);
      return source;
    },
    reload,
  };
}

interface Held {
  readonly signer: Signer;
  readonly since: Date;
  /** Whether each checked key is genuine (assertOurs), by `identityOf`. */
  readonly known: ReadonlyMap<string, boolean>;
  readonly jwks: readonly JWK[];
  readonly pem: string | undefined;
  /** HS256 keys, by kid. */
  readonly secrets: ReadonlyMap<string, CryptoKey>;
}

async function read(
  { store, master, log }: { store: KeyStore; master: MasterKey; log: Log },
  previous?: Held,
): Promise<Held> {
  const published = await store.listPublished();
  const [active] = published;
  if (active?.state !== 'active') throw new Error('no active signing key');
  const isSame = previous?.signer.kid === active.kid;
  const signer = isSame ? previous.signer : await openSigner(active, master);
  const known = new Map<string, boolean>();
  const ours: StoredKey[] = [];
  for (const key of published) {
    const id = identityOf(key);
    // The active key must be genuine; otherwise this throws and the keys in memory stay.
    if (key === active && !previous?.known.get(id)) await assertOurs(key, master);
    const isOurs = key === active || (previous?.known.get(id) ?? (await isPair(key, master, log)));
    known.set(id, isOurs);
    if (isOurs) ours.push(key);
  }
  const jwks = ours.filter(({ alg }) => alg !== 'HS256').map(({ publicJwk }) => publicJwk);
  const secrets = new Map<string, CryptoKey>();
  for (const key of ours.filter(({ alg }) => alg === 'HS256'))
    secrets.set(key.kid, previous?.secrets.get(key.kid) ?? (await openSecret(key, master)));
  const pem = isSame ? previous.pem : await pemOf(active.publicJwk, active.alg);
  return { signer, since: active.activatedAt ?? active.createdAt, known, jwks, secrets, pem };
}

/** Identifies the contents of a row: if any of it changes, the key is checked again. */
function identityOf({ kid, alg, publicJwk, sealedPrivate }: StoredKey): string {
  return JSON.stringify([kid, alg, publicJwk, Buffer.from(sealedPrivate).toString('base64')]);
}

/** Whether a key is genuine. Logs once per key why it is not published. */
async function isPair(key: StoredKey, master: MasterKey, log: Log): Promise<boolean> {
  try {
    await assertOurs(key, master);
    return true;
  } catch (error) {
    log.error({ err: error, kid: key.kid }, 'a stored key is not published: its private key is not genuine');
    return false;
  }
}

async function pemOf(publicJwk: JWK, alg: SigningAlgorithm): Promise<string | undefined> {
  if (alg === 'HS256') return undefined;
  return exportSPKI((await importJWK(publicJwk, alg, { extractable: true })) as CryptoKey);
}

/** Key source of the HS256 keys of this process, for its own guards. It has only the keys in memory. */
function secretSource(secrets: () => ReadonlyMap<string, CryptoKey>): KeySource {
  const held = (kid: string, alg: string) => (alg === 'HS256' ? secrets().get(kid) : undefined);
  return {
    held,
    get: async (kid, alg) => held(kid, alg),
    refresh: async () => true,
    ready: async () => undefined,
    trouble: () => undefined,
    close: () => undefined,
  };
}

/** Creates the active key if needed. Of several replicas that start at once, one creates it. */
async function ensureActive(store: KeyStore, master: MasterKey, alg: SigningAlgorithm, log: Log): Promise<void> {
  const active = await store.findActive();
  if (active?.alg === alg) return;
  const key = await generateSigningKey(alg, master);
  if (await store.activate(key, active?.kid, system)) log.info({ kid: key.kid, alg }, 'created a signing key');
}
