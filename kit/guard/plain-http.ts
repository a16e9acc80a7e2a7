import { BlockList, isIP } from 'node:net';

// Loopback, link-local, RFC 1918, RFC 6598 and RFC 4193: not routed on the internet.
const ranges: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['127.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
];
const privateRanges = new BlockList();
for (const range of ranges) privateRanges.addSubnet(...range);

// A single label (a container, a Kubernetes service), and names outside public DNS (RFC 6762, 6761, 8375; ICANN: internal).
const privateName = /^[^.]+$|\.(localhost|local|internal|home\.arpa|svc)$/;

/** Returns whether the host of a URL is on this machine or on a private network. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const version = isIP(host);
  if (version === 0) return privateName.test(host.toLowerCase());
  return privateRanges.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Parses the URL of a security-critical endpoint.
 * @param insecure accept `http://` to any host
 * @throws Error if it is no http(s) URL, contains credentials, or is `http://` to a host that is neither loopback nor
 * private, where a man in the middle could replace the keys
 */
export function safeUrl(what: string, url: string | URL, insecure = false): URL {
  if (!URL.canParse(url)) throw new Error(`${what} is not a URL.`);
  const address = new URL(url);
  const { protocol, hostname, username, password } = address;
  if (protocol !== 'https:' && protocol !== 'http:') throw new Error(`${what} must be an https:// URL.`);
  if (username !== '' || password !== '') throw new Error(`${what} must not contain credentials.`);
  if (protocol === 'http:' && !insecure && !isPrivateHost(hostname)) {
    throw new Error(`${what} is http:// to a public host: use https://, or set insecureHttp to accept it.`);
  }
  return address;
}
