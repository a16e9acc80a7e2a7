import { BlockList, isIP } from 'node:net';

/** The part of a request that says by which addresses it came: the connection's first, then as proxies told them. */
export interface Forwarded {
  /** Undefined once the connection is gone. */
  readonly ip: string | undefined;
  /** Up to and with the first that is no proxy of ours; undefined where there are no proxies. */
  readonly ips?: readonly (string | undefined)[] | undefined;
}

/**
 * The address of whoever asks. Where a proxy of ours passed on what is none
 * ("unknown", a client's own invention), the proxy counts: otherwise every
 * spelling of nonsense would be somebody new.
 */
export function addressOf({ ip = '', ips = [ip] }: Forwarded): string {
  return ips.map((one = '') => bare(one)).findLast((one) => isIP(one) !== 0) ?? ip;
}

/**
 * Tells proxies of ours from others.
 * @param networks their addresses and CIDR ranges, as `networks` of the configuration reads them
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

/** An address without the port that some proxies write after it, and without an interface of theirs (RFC 4007 section 11). */
function bare(address: string): string {
  const [, v4, v6] = /^(?:([\d.]+):\d{1,5}|\[([^\]]+)\](?::\d{1,5})?)$/.exec(address) ?? [];
  return (v4 ?? v6 ?? address).replace(/%.*$/s, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
