import { resolve } from 'node:path';
import { type Address, addressText } from '../../channel/transports/address.js';
import { serveNbd } from '../../mount/nbd/server.js';
import { openServed } from '../../mount/open-served.js';
import { bytesText } from '../../report/terminal/units.js';
import { address } from '../agent/options.js';
import { defineCommand } from '../command.js';
import { BASE_OPTION } from '../common-options.js';
import { JSON_OPTION } from '../json-option.js';
import { servedKeyFile } from '../served-key-file.js';
import { KEY_FILE_OPTION } from '../store/options.js';
import { printErrorLine, printOut } from '../terminal.js';

export const command = defineCommand({
  name: 'serve',
  summary: 'serve packed images as network block devices (NBD)',
  operands: { label: 'STORE[:NAME]|STREAM|IMAGE', min: 1, max: 1 },
  options: {
    nbd: { value: 'ADDRESS', help: 'unix:PATH or HOST:PORT to listen at', parse: address, required: true },
    base: BASE_OPTION,
    'key-file': KEY_FILE_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'STREAM is a packed file or its URL (https://HOST/PATH), whose server has to answer range requests: only what clients read is fetched.',
    'Every image is a read-only export with its name; the command prints their URIs. Zero pages are reported as holes. Any client of NBD reads them: nbdinfo, nbdcopy, nbdfuse, qemu-img, qemu-io, QEMU, the kernel (nbd-client).',
    'The protocol is neither encrypted nor authenticated: serve at a UNIX socket, which only its owner can use, or at an address that only trusted hosts reach.',
    'The command runs until SIGINT or SIGTERM, which close all connections and remove the UNIX socket.',
  ],
  async run({ values, operands, signal }) {
    const specification = operands[0]!;
    const { base: bases, json } = values;
    const served = await openServed(specification, {
      bases,
      isAsync: true,
      ...servedKeyFile(specification, values),
    });
    try {
      const server = await serveNbd(served.images, {
        address: values.nbd,
        onLog: (line) => printErrorLine(`serve: ${line}`),
      });
      try {
        const exports = served.images.map(({ name, bytes }) => ({
          name,
          bytes,
          uri: uri(server.address, name),
        }));
        const lines = exports.map((one) => `  ${one.uri}  ${bytesText(one.bytes)}\n`);
        const count = `${exports.length} ${exports.length === 1 ? 'export' : 'exports'}`;
        printOut(
          json
            ? `${JSON.stringify({ address: addressText(server.address), exports })}\n`
            : `serving ${specification} at ${addressText(server.address)}: ${count}\n${lines.join('')}`,
        );
        await aborted(signal);
      } finally {
        server.close();
      }
    } finally {
      served.close();
    }
  },
});

/** The URI of an export, as clients of NBD take it. */
function uri(at: Address, name: string): string {
  if ('path' in at) return `nbd+unix:///${name}?socket=${encodeURI(resolve(at.path))}`;
  return `nbd://${addressText(at)}/${name}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
