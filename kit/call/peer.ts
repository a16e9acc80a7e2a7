import { createContextKey } from '@connectrpc/connect';

/** The peer of a call, as the transport sees it. */
export interface Peer {
  /** IP address; empty for in-process calls. */
  readonly address: string;
  /** door: a public port. mesh: the internal network of services. */
  readonly via: 'door' | 'mesh';
  /** Request id that the public port assigned. */
  readonly requestId?: string;
  /** HTTP method and path template of a REST request, and its status of success. */
  readonly rest?: { readonly route: string; readonly status: number };
}

/** Context key of the peer, which every transport sets. */
export const peerKey = createContextKey<Peer>({ address: '', via: 'door' }, { description: 'peer' });
