// Stands between two QEMUs, passes everything on and keeps what it saw.
import net from 'node:net';

/** One connection: what went to the destination, and what came back. */
interface Tapped {
  readonly forward: Buffer[];
  readonly back: Buffer[];
}

export interface Tap {
  /** In the order in which they were made. */
  readonly connections: readonly Tapped[];
  close(): void;
}

export async function tap(listenPath: string, connectPath: string): Promise<Tap> {
  const connections: Tapped[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (source) => {
    const destination = net.connect({ path: connectPath, allowHalfOpen: true });
    const tapped: Tapped = { forward: [], back: [] };
    connections.push(tapped);
    relay(source, destination, tapped.forward);
    relay(destination, source, tapped.back);
    for (const socket of [source, destination]) sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(listenPath, resolve));
  return {
    connections,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function relay(from: net.Socket, to: net.Socket, kept: Buffer[]): void {
  from.on('data', (bytes) => kept.push(Buffer.from(bytes)));
  from.on('error', () => to.destroy());
  from.pipe(to);
}
