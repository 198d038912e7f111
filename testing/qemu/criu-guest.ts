// A guest that runs CRIU: it checkpoints a process into image directories, or restores one from them.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { repositoryFile } from '../repository.js';
import { type InitramfsFile, initramfs } from './initramfs.js';
import { compileProgram, kernelPath, linuxSkipReason } from './linux.js';
import { INSTALLED_QEMU } from './versions.js';

const CRIU = '/usr/sbin/criu';
const MEMORY = '256m';
const TIMEOUT_MS = 100_000;

/** Return the reason why CRIU cannot run in a guest here, or undefined if it can. */
export function criuSkipReason(): string | undefined {
  return linuxSkipReason() ?? (fs.existsSync(CRIU) ? undefined : `${CRIU} is not installed`);
}

/** Checkpoint a process, and write its image directories `1` (pre-dump) and `2` (dump) into `folder`. */
export async function checkpoint(folder: string): Promise<void> {
  const { console: text, port } = await boot(folder, 'criu_mode=dump', []);
  if (!/^criu: dumped\r?$/m.test(text)) throw new Error(`no checkpoint: ${text}`);
  for (const { path, content, isLink } of parseFiles(port)) {
    fs.mkdirSync(join(folder, dirname(path)), { recursive: true });
    if (isLink) fs.symlinkSync(Buffer.from(content).toString(), join(folder, path));
    else fs.writeFileSync(join(folder, path), content);
  }
}

/** Restore the process from the directories 1 and 2 of `images`, and return its exit status. */
export async function restore(folder: string, images: string): Promise<number> {
  const files = ['1', '2'].flatMap((name) => filesOf(join(images, name), `images/${name}`));
  const { console: text } = await boot(folder, 'criu_mode=restore', files);
  const status = /^criu: restored (-?\d+)\r?$/m.exec(text)?.[1];
  if (status === undefined) throw new Error(`not restored: ${text}`);
  return Number(status);
}

function filesOf(directory: string, path: string): InitramfsFile[] {
  return fs.readdirSync(directory, { withFileTypes: true }).map((entry) => {
    const file = join(directory, entry.name);
    const isLink = entry.isSymbolicLink();
    const content = isLink ? Buffer.from(fs.readlinkSync(file)) : fs.readFileSync(file);
    return { path: `${path}/${entry.name}`, content, isLink };
  });
}

/** Run the guest to its end; returns what it wrote to the console and to the debug port. */
async function boot(folder: string, settings: string, files: readonly InitramfsFile[]) {
  const program = fs.readFileSync(compileProgram(folder, repositoryFile('testing/qemu/guest-criu.c')));
  const [archive, console, port] = ['initramfs', 'console', 'port'].map((name) => join(folder, name));
  fs.writeFileSync(archive!, initramfs(program, [...criuFiles(folder), ...files]));
  const child = spawn(
    INSTALLED_QEMU.program,
    [
      ...['-accel', 'tcg', '-cpu', 'max', '-m', MEMORY, '-nodefaults', '-no-user-config', '-display', 'none'],
      ...['-no-reboot', '-serial', `file:${console}`, '-kernel', kernelPath()!, '-initrd', archive!],
      ...['-append', `console=ttyS0 quiet panic=-1 no_timer_check random.trust_bootloader=on ${settings}`],
      ...['-chardev', `file,id=port,path=${port}`, '-device', 'isa-debugcon,chardev=port'],
    ],
    { stdio: 'ignore', timeout: TIMEOUT_MS, killSignal: 'SIGKILL' },
  );
  await once(child, 'exit');
  return { console: fs.readFileSync(console!, 'latin1'), port: fs.readFileSync(port!) };
}

/**
 * The program and its libraries, by their paths here. The kernel of the tests has nftables only as a module.
 */
function criuFiles(folder: string): InitramfsFile[] {
  const { stdout } = spawnSync('ldd', [CRIU], { encoding: 'utf8' });
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  const versions = join(folder, 'versions');
  fs.writeFileSync(versions, 'LIBNFTABLES_1 { global: *; };');
  const linking = ['-shared', '-fPIC', `-Wl,-soname,libnftables.so.1,--version-script=${versions}`];
  const stub = compileProgram(folder, repositoryFile('testing/qemu/guest-nftables.c'), linking);
  return [CRIU, ...libraries].map((path) => ({
    path: path.slice(1),
    content: fs.readFileSync(path.includes('/libnftables.') ? stub : path),
  }));
}

/** What guest-criu.c writes to the debug port. */
function parseFiles(port: Buffer): InitramfsFile[] {
  const files: InitramfsFile[] = [];
  let at = 0;
  const counted = () => {
    const bytes = port.readUInt32LE(at);
    at += 4 + bytes;
    return port.subarray(at - bytes, at);
  };
  while (at < port.length) {
    const name = counted().toString();
    const isLink = name.endsWith('>');
    files.push({ path: isLink ? name.slice(0, -1) : name, content: counted(), isLink });
  }
  return files;
}
