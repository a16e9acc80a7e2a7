import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Between a client and a port of this machine, to do to them what networks do. */
export interface TcpProxy {
  readonly port: number;
  /**
   * What becomes of connections, those that are open and new ones: they pass; they are cut, and
   * new ones refused; or they stay open, and whatever is sent is taken and goes nowhere.
   */
  be(mode: 'passing' | 'cut' | 'half-open'): void;
  /** Loses the connections that are open without telling either end, as a firewall does; new ones pass. */
  lose(): void;
  /** Connections that came so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Opens one in front of a port. */
export async function openTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const lost = new WeakSet<readonly [Socket, Socket]>();
  let mode: Parameters<TcpProxy['be']>[0] = 'passing';
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    if (mode === 'cut') return near.resetAndDestroy();
    const far = connect(target, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]] as const) {
      from.on('data', (chunk: Buffer) => {
        if (mode === 'passing' && !lost.has(pair)) to.write(chunk);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        pairs.delete(pair);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const end = () => pairs.forEach((pair) => pair.forEach((socket) => socket.resetAndDestroy()));
  return {
    port: (server.address() as AddressInfo).port,
    be(next) {
      // What was swallowed is missing from those: they are of no use to anybody any more.
      if (next === 'cut' || mode === 'half-open') end();
      mode = next;
    },
    lose: () => pairs.forEach((pair) => lost.add(pair)),
    get connections() {
      return connections;
    },
    close() {
      end();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
