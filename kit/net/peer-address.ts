import { BlockList, isIP } from 'node:net';

/** Addresses of a Fastify request: the connection's first, then the forwarded ones. */
export interface Forwarded {
  /** undefined once the connection is closed. */
  readonly ip: string | undefined;
  /** Up to and including the first that is not a trusted proxy; undefined without trusted proxies. */
  readonly ips?: readonly (string | undefined)[] | undefined;
}

/**
 * Returns the client address. If a trusted proxy forwards an invalid address
 * ("unknown", or text sent by the client), the proxy's address is used: otherwise a
 * client could evade limits with new invalid values.
 */
export function addressOf({ ip = '', ips = [ip] }: Forwarded): string {
  return ips.map((one = '') => bare(one)).findLast((one) => isIP(one) !== 0) ?? ip;
}

/**
 * Returns a function that checks whether an address is a trusted proxy.
 * @param networks addresses and CIDR ranges, as parsed by `networks` of the configuration
 */
export function trustIn(networks: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const network of networks) {
    const [address = '', length] = network.split('/');
    if (length === undefined) trusted.addAddress(address, familyOf(address));
    else trusted.addSubnet(address, Number(length), familyOf(address));
  }
  return (address) => {
    const known = bare(address);
    return isIP(known) !== 0 && trusted.check(known, familyOf(known));
  };
}

/** Removes the port and the zone (RFC 4007 section 11) that some proxies append to an address. */
function bare(address: string): string {
  const [, v4, v6] = /^(?:([\d.]+):\d{1,5}|\[([^\]]+)\](?::\d{1,5})?)$/.exec(address) ?? [];
  return (v4 ?? v6 ?? address).replace(/%.*$/s, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
