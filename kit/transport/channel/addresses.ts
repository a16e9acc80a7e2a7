import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Address } from './connection.ts';

/** A target of calls. */
export interface Target {
  /** For `:authority`. */
  readonly authority: string;
  /** Returns its addresses now. @throws Error if the name is unknown */
  resolve(): Promise<readonly Address[]>;
}

/**
 * Reads a target: `host:port`, `[address]:port` or `dns:///host:port`.
 * @throws Error on another form
 */
export function parseTarget(target: string): Target {
  const authority = target.replace(/^dns:\/\/\//, '');
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(authority) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) throw new Error(`"${target}" is not host:port`);
  return {
    authority,
    async resolve() {
      if (isIP(host) !== 0) return [{ host, port }];
      const found = await lookup(host, { all: true });
      return found.map(({ address }) => ({ host: address, port }));
    },
  };
}
