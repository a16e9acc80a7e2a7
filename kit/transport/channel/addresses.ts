import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Address } from './session.ts';

/** A target of calls. */
export interface Target {
  /** For `:authority`. */
  readonly authority: string;
  /** Returns its addresses now. @throws Error if the name is unknown */
  resolve(): Promise<readonly Address[]>;
}

/**
 * Reads a target: `host:port`, `[address]:port`, `dns:host:port`, `dns:///host:port`, or a list of addresses,
 * `ipv4:10.0.0.5:9081,10.0.0.6:9081` or `ipv6:[::1]:9081`. Returns undefined for another form, which grpc-js may know.
 */
export function parseTarget(target: string): Target | undefined {
  const [, family, list = ''] = /^(ipv[46]):(?:\/\/\/)?(.*)$/.exec(target) ?? [];
  if (family === undefined) return targetOfName(target.replace(/^dns:(?:\/\/\/)?/, ''));
  const addresses = list.split(',').map(parseAddress);
  if (!addresses.every((one) => one !== undefined && `ipv${isIP(one.host)}` === family)) return undefined;
  return { authority: list.split(',')[0]!, resolve: async () => addresses as Address[] };
}

function targetOfName(authority: string): Target | undefined {
  const address = parseAddress(authority);
  if (!address) return undefined;
  const { host, port } = address;
  return {
    authority,
    async resolve() {
      if (isIP(host) !== 0) return [address];
      const found = await lookup(host, { all: true });
      return found.map((one) => ({ host: one.address, port }));
    },
  };
}

function parseAddress(text: string): Address | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
