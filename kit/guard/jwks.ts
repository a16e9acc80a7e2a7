import { createKeySource, type KeySource, type KeyTimes } from './keys.ts';

/** Largest JWKS that is read, in bytes. */
export const maxJwksBytes = 262_144;

/** Where a JWKS is, and when it is read. */
export interface RemoteJwksOptions extends KeyTimes {
  /** Address of the JWKS; from configuration, never from a token. */
  readonly url: string | URL;
  /** Stands in for the global fetch. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** Keys from an issuer's JWKS endpoint, by default read every 60 s and at most every 5 s for unknown kids. */
export function remoteJwks({ url, fetch = globalThis.fetch, ...times }: RemoteJwksOptions): KeySource {
  const address = new URL(url).href;
  return createKeySource(async (signal) => {
    const answer = await fetch(address, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw new Error(`The JWKS endpoint answered ${answer.status}.`);
    }
    return JSON.parse(await bounded(answer)) as unknown;
  }, times);
}

/** Keys that the process itself publishes, for the issuer's own guard. By default read every 10 s, and at most every second for unknown kids. */
export function localJwks(load: () => Promise<unknown>, times: KeyTimes = {}): KeySource {
  return createKeySource(load, { cooldown: 1_000, refreshEvery: 10_000, ...times });
}

async function bounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop by an error cancels the body.
    if (size > maxJwksBytes) throw new Error('The JWKS is larger than 256 KiB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
