import { KeyService } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { longestTokenLife } from '#kit/guard/verifier.ts';
import { mount } from '#kit/call/app.ts';
import { every } from '#kit/work/work.ts';
import type { Ground } from '../ground.ts';
import type { MasterKey } from '../secrets/public.ts';
import { keyHandler } from './handler/keys.ts';
import { publicKeyHandler } from './handler/public-keys.ts';
import { importSigningKey } from './rules/imported-key.ts';
import { openKeyring } from './rules/keyring.ts';
import { createKeys } from './rules/keys.ts';
import { generateSigningKey } from './rules/signing-key.ts';
import { createKeyStore } from './store.ts';

/** Builds the room `keys`: the keyring in memory and the key rotation. */
export async function buildKeys({ config, db, clock, log, metrics }: Ground, master: MasterKey) {
  const { alg, keyPending: pending, keyRotation: rotation } = config;
  const store = createKeyStore(db);
  const keyring = await openKeyring({ store, master, alg, sourceOf: localJwks, log });
  const keys = createKeys({
    store,
    generate: () => generateSigningKey(alg, master),
    fromPem: (pem) => importSigningKey(pem, alg, master),
    reload: () => keyring.reload(),
    clock: clock.now,
    times: { rotation, pending, tokenLife: longestTokenLife },
    log,
  });
  const since = () => keyring.activeSince().getTime();
  metrics.watch('signet_signing_key_activation_timestamp_seconds', () => since() / 1_000);
  metrics.watch('signet_signing_key_rotation_timestamp_seconds', () => (since() + rotation) / 1_000);
  // Every replica publishes a new key within a quarter of its pending time.
  const period = Math.min(30_000, pending / 4);
  const reload = every('read signing keys', period, keyring.reload);
  const maxAge = Math.max(1, Math.floor(Math.min(60_000, pending / 4) / 1_000));
  return {
    keyring,
    methods: publicKeyHandler({ keyring, issuer: config.issuer, alg, maxAge }),
    mounted: [mount(KeyService, keyHandler(keys))],
    work: [reload, every('rotate signing keys', period, keys.tick)],
    /** Reads the keys now, because another replica changed them. */
    changed: reload.wake,
  };
}
