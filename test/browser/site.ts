import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority } from '#kit/testing/authority.ts';

/** A web server on loopback for test pages. It owns only the port, and serves every host name that resolves to it. */
export interface Site {
  readonly port: number;
  /** Serves an HTML page at a path, with optional headers. */
  page(path: string, html: string, headers?: Record<string, string | string[]>): void;
  /** Proxies all other requests to a server behind it, like a proxy in front of the edge. */
  proxyTo(to: string): void;
  /** The proxied requests so far that have a response. */
  readonly passed: readonly Passed[];
  close(): Promise<void>;
}

/** A proxied request and the status of its response. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
}

/** Opens a site. With `tls`, it serves HTTPS with a certificate that browsers do not trust. */
export async function openSite({ tls = false }: { readonly tls?: boolean } = {}): Promise<Site> {
  const pages = new Map<string, { readonly html: string; readonly headers: Record<string, string | string[]> }>();
  const passed: Passed[] = [];
  let behind: string | undefined;
  const answer = (incoming: IncomingMessage, reply: ServerResponse): void => {
    const page = pages.get(incoming.url ?? '');
    if (page) reply.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...page.headers }).end(page.html);
    else if (behind) relay(behind, incoming, reply, (status) => passed.push(entryOf(incoming, status)));
    else reply.writeHead(404).end();
  };
  const server = tls ? createHttps(certificate(), answer) : createHttp(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    page: (path, html, headers = {}) =>
      void pages.set(path, { html: `<!doctype html><title>a page</title>${html}`, headers }),
    proxyTo: (to) => void (behind = to),
    passed,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function entryOf({ method = '', url = '', headers }: IncomingMessage, status: number): Passed {
  return { method, path: url, status, headers };
}

function relay(to: string, incoming: IncomingMessage, reply: ServerResponse, note: (status: number) => void): void {
  const { method, headers } = incoming;
  const onward = request(`${to}${incoming.url}`, { method, headers }, (answer) => {
    note(answer.statusCode ?? 0);
    reply.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(reply);
  });
  onward.on('error', () => reply.destroy());
  incoming.pipe(onward);
}

function certificate(): { key: Buffer; cert: Buffer } {
  const authority = createAuthority();
  const { key, cert } = authority.issue('DNS:localhost,DNS:*.localhost,DNS:*.shop.localhost');
  const read = { key: readFileSync(key), cert: readFileSync(cert) };
  authority.remove();
  return read;
}
