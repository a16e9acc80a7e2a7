import * as argon2 from '@node-rs/argon2';
import { Pool } from 'pg';
import type { Spec, Work } from './work.ts';

type Of<K extends Spec['kind']> = Extract<Spec, { kind: K }>;

/**
 * The minimal work of a refresh: increments a counter in one row of the sessions
 * table, and makes one RSA signature (Web Crypto, key imported once) over as many
 * bytes as an access token has. No HTTP, no checks, no response.
 */
export async function rawRefresh({ databaseUrl, sessions, signs, updates }: Of<'raw-refresh'>): Promise<Work> {
  const pool = new Pool({ connectionString: databaseUrl, max: 10 });
  const { privateKey } = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    false,
    ['sign', 'verify'],
  );
  const claims = new Uint8Array(800);
  const update = {
    name: 'advance',
    text: 'UPDATE auth.sessions SET counter = counter + 1, rotated_at = now() WHERE id = $1 RETURNING counter',
  };
  return {
    close: () => pool.end(),
    async once(chain) {
      if (updates) {
        const { rowCount } = await pool.query({ ...update, values: [sessions[chain]] });
        if (rowCount !== 1) throw new Error('no row was updated');
      }
      if (signs) await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, claims);
    },
  };
}

/** Only checks a password against an Argon2id hash. */
export async function rawHash({ memory, passes }: Of<'raw-hash'>): Promise<Work> {
  const options = { algorithm: 2, memoryCost: memory, timeCost: passes, parallelism: 1 };
  const hash = await argon2.hash('correct horse battery', options);
  return {
    close: () => undefined,
    async once() {
      if (!(await argon2.verify(hash, 'correct horse battery'))) throw new Error('the password does not match');
    },
  };
}
