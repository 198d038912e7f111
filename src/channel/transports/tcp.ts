// tcp:HOST:PORT: plain TCP, for networks that are protected otherwise.

import { connect, createServer } from 'node:net';
import { parseHostPort } from './address.js';
import { startListening } from './sockets.js';
import type { Transport } from './transport.js';

export const tcp: Transport = {
  scheme: 'tcp',
  addressForm: 'HOST:PORT',
  protection: 'none',
  parse: parseHostPort,
  connect: (address) => ({ socket: connect(address), readyEvent: 'connect' }),
  createServer: () => ({ server: createServer(), readyEvent: 'connection' }),
  listen: startListening,
  identitiesOf: () => [],
};
