// A relay between two QEMUs that records both directions.
import net from 'node:net';

/** One recorded connection: bytes to the destination, and bytes back. */
interface TappedConnection {
  readonly forward: Buffer[];
  readonly back: Buffer[];
}

export interface Tap {
  /** Connections in the order in which they were opened. */
  readonly connections: readonly TappedConnection[];
  close(): void;
}

export async function tap(listenPath: string, connectPath: string): Promise<Tap> {
  const connections: TappedConnection[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (source) => {
    const destination = net.connect({ path: connectPath, allowHalfOpen: true });
    const tapped: TappedConnection = { forward: [], back: [] };
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

function relay(from: net.Socket, to: net.Socket, recorded: Buffer[]): void {
  from.on('data', (bytes) => recorded.push(Buffer.from(bytes)));
  from.on('error', () => to.destroy());
  from.pipe(to);
}
