import { z } from 'zod';
import { createKeySource, type KeySource, type KeyTimes, keyTimeOptions } from './keys.ts';
import { checkOptions, func } from './options.ts';
import { safeUrl } from './plain-http.ts';

/** Largest JWKS that is read, in bytes. */
export const maxJwksBytes = 262_144;

/** Where a JWKS is, and when it is read. */
export interface RemoteJwksOptions extends KeyTimes {
  /** Address of the JWKS; from configuration, never from a token. */
  readonly url: string | URL;
  /** Stands in for the global fetch. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Accepts `http://` to a host that is neither loopback nor private. Whoever is on the way can then replace the keys. */
  readonly insecureHttp?: boolean;
}

const remoteOptions = z.strictObject({
  ...keyTimeOptions,
  url: z.string().or(z.instanceof(URL)),
  fetch: func.optional(),
  insecureHttp: z.boolean().optional(),
});

/**
 * Keys from an issuer's JWKS endpoint, by default read every 60 s and at most every 5 s for unknown kids.
 * @throws Error on options that are unknown or make no sense, and on `http://` to a public host
 */
export function remoteJwks(options: RemoteJwksOptions): KeySource {
  checkOptions('remoteJwks', remoteOptions, options);
  const { url, fetch = globalThis.fetch, insecureHttp, ...times } = options;
  const address = safeUrl('The JWKS address', url, insecureHttp);
  // What is behind the path may be a secret.
  const name = `${address.origin}${address.pathname}`;

  async function load(signal: AbortSignal): Promise<unknown> {
    const answer = await fetch(address.href, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw new Error(`it answered ${answer.status}`);
    }
    return JSON.parse(await bounded(answer)) as unknown;
  }

  return createKeySource(load, times, name);
}

/**
 * Keys that the process itself publishes, for the issuer's own guard. By default read every 10 s, and at most every
 * second for unknown kids.
 * @throws Error on times that are unknown or make no sense
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
    // Leaving the loop by an error cancels the body.
    if (size > maxJwksBytes) throw new Error('it is larger than 256 KiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
