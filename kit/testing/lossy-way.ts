import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Secret } from '#kit/log/secret.ts';

/** A way to a database that can lose its connections without telling either end, as a firewall does. */
export interface LossyWay {
  /** The database's URL, by this way. */
  readonly url: Secret;
  /** Loses the connections that there are. New ones go through. */
  lose(): void;
  close(): void;
}

/** Opens a way to the database of a URL, on a port of its own. */
export async function openLossyWay(database: Secret): Promise<LossyWay> {
  const url = new URL(database.reveal());
  const { hostname, port } = url;
  const through = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      through.add(from);
      from.on('error', () => undefined).on('close', () => into.destroy());
      from.pipe(into, { end: false });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: new Secret(url.href),
    lose() {
      for (const socket of through) socket.unpipe().pause();
      through.clear();
    },
    close: () => void server.close(),
  };
}
