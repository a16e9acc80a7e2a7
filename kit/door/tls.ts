import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { Log } from '#kit/log/log.ts';
import type { Certificate, KeyPair } from './certificate.ts';

/** First byte of a TLS connection: the type of a handshake record (RFC 8446 section 5.1). No HTTP request begins with it. */
export const handshakeRecord = 0x16;

/** How a door speaks TLS. */
export interface DoorTls {
  readonly certificate: Certificate;
  readonly log: Pick<Log, 'debug'>;
}

/**
 * Creates the TLS side of a door. New connections use a replaced certificate; open ones stay.
 * @param timeout maximum duration of a handshake, ms
 * @param onSecure called with every connection whose handshake has succeeded
 * @returns a function that begins the handshake on a connection
 */
export function createTlsSide(
  { certificate, log }: DoorTls,
  timeout: number,
  onSecure: (socket: TLSSocket) => void,
): (socket: Socket) => void {
  const server = createServer({
    ...contextOf(certificate.pair()),
    // HTTP/2 is spoken only if it is negotiated (RFC 9113 section 3.2).
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: timeout,
  });
  certificate.onChange((pair) => server.setSecureContext(contextOf(pair)));
  server.on('secureConnection', onSecure);
  server.on('tlsClientError', ({ code, message }: NodeJS.ErrnoException, socket) => {
    log.debug({ address: socket.remoteAddress, reason: code ?? message }, 'TLS handshake failed');
    // Node leaves a connection open whose handshake took too long.
    socket.destroy();
  });
  return (socket) => void server.emit('connection', socket);
}

function contextOf({ cert, key }: KeyPair): SecureContextOptions {
  return {
    cert,
    key: key.reveal(),
    minVersion: 'TLSv1.2',
    // A renegotiation costs as much as a handshake, on a connection that is counted already.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}
