import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy between a client and a local port that simulates network faults. */
export interface TcpProxy {
  readonly port: number;
  /**
   * Sets the mode of open and new connections. passing: forwards data. cut: resets
   * connections and refuses new ones. half-open: keeps connections open and discards data.
   */
  be(mode: 'passing' | 'cut' | 'half-open'): void;
  /** Silently drops open connections, like a firewall. New ones are forwarded. */
  lose(): void;
  /** Spreads new connections over one more port, in turn. */
  add(target: number): void;
  /** Resets open connections and leads new ones to another port, as an address that moves to another machine. */
  lead(target: number): void;
  /** Number of connections so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Opens a proxy in front of a port. */
export async function openTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const lost = new WeakSet<readonly [Socket, Socket]>();
  let mode: Parameters<TcpProxy['be']>[0] = 'passing';
  let connections = 0;
  let targets = [target];
  const server = createServer((near) => {
    connections += 1;
    if (mode === 'cut') return near.resetAndDestroy();
    const far = connect(targets[connections % targets.length]!, '127.0.0.1');
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
      // Half-open connections have lost data and cannot be reused.
      if (next === 'cut' || mode === 'half-open') end();
      mode = next;
    },
    lose: () => pairs.forEach((pair) => lost.add(pair)),
    add: (added) => void targets.push(added),
    lead(moved) {
      targets = [moved];
      end();
    },
    get connections() {
      return connections;
    },
    close() {
      end();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
