// A process that copies what arrives at one socket to another, both directions: what sockets and Node cost
// without any work on the bytes. Arguments: source|destination, path of a UNIX socket, port, IP address
// (default: 127.0.0.1).
import { connect, createServer } from 'node:net';

const [side, path, port, host = '127.0.0.1'] = process.argv.slice(2);
const link = { host, port: Number(port) };
const [near, far] = side === 'source' ? [{ path }, link] : [link, { path }];
const server = createServer({ allowHalfOpen: true }, (socket) => {
  const other = connect({ ...far, allowHalfOpen: true });
  for (const one of [socket, other]) one.on('error', () => {});
  socket.pipe(other);
  other.pipe(socket);
});
server.listen(near, () => process.stderr.write('listening\n'));
process.once('SIGTERM', () => process.exit());
