import { createContextKey } from '@connectrpc/connect';

/** Who is on the other end of a call, as far as the transport can tell. */
export interface Peer {
  /** IP address; empty where there is none (in process). */
  readonly address: string;
  /** door: anybody, from outside. mesh: the network that services share. */
  readonly via: 'door' | 'mesh';
  /** The id that a door gave the request, in the form of ours. */
  readonly requestId?: string;
}

/** Context value under which every transport puts the peer of a call. */
export const peerKey = createContextKey<Peer>({ address: '', via: 'door' }, { description: 'peer' });
