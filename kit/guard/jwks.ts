import { z } from 'zod';
import { createKeySource, type KeySource, type KeyTimes, keyTimeOptions } from './keys.ts';
import { checkOptions, func } from './options.ts';
import { safeUrl } from './plain-http.ts';

/** Maximum size of a JWKS, in bytes. */
export const maxJwksBytes = 262_144;

/** Location of a JWKS, and when it is loaded. */
export interface RemoteJwksOptions extends KeyTimes {
  /** URL of the JWKS, from configuration, never from a token. */
  readonly url: string | URL;
  /** Replaces the global `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Accepts `http://` to a host that is neither loopback nor private. A man in the middle can then replace the keys. */
  readonly insecureHttp?: boolean;
}

const remoteOptions = z.strictObject({
  ...keyTimeOptions,
  url: z.string().or(z.instanceof(URL)),
  fetch: func.optional(),
  insecureHttp: z.boolean().optional(),
});

/**
 * Creates a key source from an issuer's JWKS endpoint. By default it loads the keys every 60 s, and at most every 5 s
 * for unknown kids.
 * @throws Error on unknown or invalid options, and on `http://` to a public host
 */
export function remoteJwks(options: RemoteJwksOptions): KeySource {
  checkOptions('remoteJwks', remoteOptions, options);
  const { url, fetch = globalThis.fetch, insecureHttp, ...times } = options;
  const address = safeUrl('The JWKS URL', url, insecureHttp);
  // Without the query, which may contain a secret.
  const name = `${address.origin}${address.pathname}`;

  async function load(signal: AbortSignal): Promise<unknown> {
    const answer = await fetch(address.href, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw new Error(`HTTP status ${answer.status}`);
    }
    return JSON.parse(await bounded(answer)) as unknown;
  }

  return createKeySource(load, times, name);
}

/**
 * Creates a key source from the process's own keys, for the issuer's own guard. By default it loads them every 10 s,
 * and at most every second for unknown kids.
 * @throws Error on unknown or invalid times
 */
export function localJwks(load: () => Promise<unknown>, times: KeyTimes = {}): KeySource {
  checkOptions('localJwks', z.strictObject(keyTimeOptions), times);
  return createKeySource(load, { cooldown: 1_000, refreshEvery: 10_000, ...times });
}

async function bounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    // Throwing out of the loop cancels the body.
    if (size > maxJwksBytes) throw new Error('larger than 256 KiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
