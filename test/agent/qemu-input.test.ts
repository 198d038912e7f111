import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { QemuInput } from '../../src/agent/source/qemu-input.js';
import { testFolder } from '../image/support.js';

const folder = testFolder();

test('QEMU closes while an answer is written to it: the end of its stream, not an error', async () => {
  const server = net.createServer({ pauseOnConnect: true }).listen(join(folder, 'out'));
  await once(server, 'listening');
  const qemu = net.connect(join(folder, 'out'));
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const input = new QemuInput(socket);
  qemu.destroy();
  await once(qemu, 'close');
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
  socket.write('an answer');
  expect((await failed).code).toBe('EPIPE');
  expect(input.isClosed).toBe(true);
  for await (const bytes of input) expect(bytes).toBeUndefined();
  server.close();
});
