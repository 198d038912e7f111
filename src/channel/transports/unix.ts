// unix:PATH: a UNIX socket, readable and writable by its owner only; for two processes of one user on one
// host.

import { connect, createServer } from 'node:net';
import { parsePath } from './address.js';
import { listenAsOwner, removeStaleSocket } from './sockets.js';
import type { Transport } from './transport.js';

export const unix: Transport = {
  scheme: 'unix',
  addressForm: 'PATH',
  protection: 'file permissions',
  parse: parsePath,
  connect: (address) => ({ socket: connect(address), readyEvent: 'connect' }),
  createServer: () => ({ server: createServer(), readyEvent: 'connection' }),
  async listen(server, address) {
    const { path } = address as { readonly path: string };
    await removeStaleSocket(path);
    await listenAsOwner(server, path);
  },
  identitiesOf: () => [],
};
