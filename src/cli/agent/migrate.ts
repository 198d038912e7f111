import { join } from 'node:path';
import { type Address, parsePath } from '../../channel/transports/address.js';
import { createTemporaryFolder } from '../../image/fs/temporary-folder.js';
import { badArgument } from '../../page/error.js';
import { defineCommand } from '../command.js';
import { address, QMP_DETAIL } from './options.js';
import { STOP_MS } from './run.js';
import { QMP_USES, runSource, SOURCE_OPTIONS } from './source-options.js';

const { once: _, migrations: __, ...OPTIONS } = SOURCE_OPTIONS;

export const migrate = defineCommand({
  name: 'migrate',
  summary: 'migrate one guest: start it in QEMU, wait for its end',
  options: {
    listen: {
      value: 'ADDRESS',
      help: 'where QEMU connects',
      parse: address,
      defaultText: 'a UNIX socket in the folder for temporary files, which only the same user may use',
    },
    ...OPTIONS,
    qmp: {
      ...OPTIONS.qmp,
      help: `QMP socket of this host's QEMU, to start the migration, and ${QMP_USES}`,
      required: true,
    },
    'max-rate': { ...OPTIONS['max-rate'], help: 'limit on the bytes to the destination: 500Mbit, 2Gbit' },
  },
  details: [
    QMP_DETAIL,
    'The log is printed on standard error.',
    "The destination agent runs already. With --direct the guest, the link and the CPU are measured first, for some seconds in which the guest runs. QEMU's return-path is turned on, and its default max-bandwidth raised.",
    'Exits with status 0 once the guest is on the destination. SIGINT or SIGTERM before that cancels the migration.',
  ],
  stopMs: STOP_MS,
  async run({ values, signal }) {
    const folder = values.listen === undefined ? createTemporaryFolder() : undefined;
    try {
      const listen = values.listen ?? privateSocket(folder!.path);
      const isComplete = await runSource(
        { ...values, once: true, migrations: 1 },
        { listen, signal, begin: (agent, warm) => agent.startMigration(warm, signal) },
      );
      if (!isComplete) throw signal.reason;
    } finally {
      folder?.remove();
    }
  },
});

/** The path of a socket in a folder. @throws PageferryError `bad-argument` if it is too long for one */
function privateSocket(folder: string): Address {
  const path = join(folder, 'qemu');
  try {
    parsePath(path);
  } catch (cause) {
    const { message } = cause as Error;
    throw badArgument(`TMPDIR: ${path}: ${message}, or name one with --listen`, {
      cause,
    });
  }
  return { path };
}
