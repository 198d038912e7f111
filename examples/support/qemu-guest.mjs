// Linux in QEMU under software emulation: its only program is memory-checker.c. The guest's memory is a file.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('memory-checker.c', import.meta.url));
/** Not a multiple of 256 KiB: QEMU 7.2 under emulation can lose writes to such blocks when it migrates. */
const MEMORY = `${128 * 1024 + 8}k`;
export const COMMAND_LINE =
  'console=ttyS0 quiet panic=-1 nokaslr no_timer_check tsc=reliable 8250.nr_uarts=1';

/** Return PAGEFERRY_TEST_KERNEL or a kernel in /boot, or undefined. */
export function findKernel() {
  const named = process.env.PAGEFERRY_TEST_KERNEL;
  if (named) return existsSync(named) ? named : undefined;
  const names = existsSync('/boot') ? readdirSync('/boot') : [];
  const name = names.filter((text) => text.startsWith('vmlinuz-')).at(-1);
  return name && join('/boot', name);
}

/** Compile the program into an initramfs, a cpio archive; returns its path. */
export function buildInitramfs(folder) {
  const [program, path] = [join(folder, 'init'), join(folder, 'initramfs')];
  execFileSync('gcc', ['-static', '-O2', '-o', program, SOURCE]);
  const entries = [
    entry('dev', 0o040755),
    entry('dev/console', 0o020600, Buffer.alloc(0), [5, 1]),
    entry('init', 0o100755, readFileSync(program)),
    entry('TRAILER!!!', 0),
  ];
  writeFileSync(path, Buffer.concat(entries));
  return path;
}

let inode = 1;
function entry(name, mode, content = Buffer.alloc(0), device = [0, 0]) {
  const fields = [inode++, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, name.length + 1, 0];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
  const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  return Buffer.concat([padded(Buffer.from(head)), padded(content)]);
}

/** Start QEMU; memory that is shared with its file is left out of a migration. */
export async function startGuest({ folder, name, initramfs, memory, isClone }) {
  const [control, serial] = [join(folder, `${name}.qmp`), join(folder, `${name}.serial`)];
  const share = isClone ? 'off' : 'on';
  const backend = `memory-backend-file,id=ram0,size=${MEMORY},mem-path=${memory},share=${share}`;
  const argv = ['-accel', 'tcg', '-machine', 'pc,memory-backend=ram0', '-m', MEMORY, '-object', backend];
  argv.push('-nodefaults', '-display', 'none', '-serial', `file:${serial}`, '-kernel', findKernel());
  argv.push('-initrd', initramfs, '-append', COMMAND_LINE, '-qmp', `unix:${control},server=on,wait=off`);
  if (isClone) argv.push('-incoming', 'defer');
  const child = spawn('qemu-system-x86_64', argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  while (!existsSync(control) && isAlive()) await setTimeout(10);
  const execute = await openQmp(await connected(control, isAlive));
  const capabilities = [{ capability: 'x-ignore-shared', state: true }];
  await execute('migrate-set-capabilities', { capabilities });
  return {
    execute,
    async migrated() {
      for (;;) {
        const { status, 'error-desc': text } = await execute('query-migrate');
        if (status === 'completed') return;
        if (status === 'failed') throw new Error(`${name}: migration failed: ${text}`);
        await setTimeout(5);
      }
    },
    /** Wait for `count` checks that the program has printed; returns the last one. */
    async checks(count) {
      for (let tries = 0; tries < 1500 && isAlive(); tries++, await setTimeout(20)) {
        const lines = [...readFileSync(serial, 'latin1').matchAll(/checks (\d+) (\d+)\r?\n/g)];
        if (lines.length >= count)
          return { first: +lines[0][1], last: +lines.at(-1)[1], bad: +lines.at(-1)[2] };
      }
      throw new Error(`${name}: the guest did not complete ${count} checks`);
    },
    async quit() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Connect to a socket that exists, and that QEMU may not listen on yet. */
async function connected(path, isAlive) {
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (!isAlive()) throw error;
      await setTimeout(10);
    }
  }
}

async function openQmp(socket) {
  const lines = createInterface(socket)[Symbol.asyncIterator]();
  const execute = async (command, options) => {
    socket.write(`${JSON.stringify({ execute: command, arguments: options })}\n`);
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command}: QEMU ended`);
      const message = JSON.parse(value);
      if (message.error) throw new Error(`${command}: ${message.error.desc}`);
      if ('return' in message) return message.return;
    }
  };
  await execute('qmp_capabilities');
  return execute;
}
