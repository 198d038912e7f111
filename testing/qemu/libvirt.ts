// libvirt's QEMU driver in virsh (qemu:///embed), without a daemon: a run creates a guest, then works on it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { qemuSkipReason } from './linux.js';

/** User and group of a run by root: libvirt refuses to start as root without the user libvirt-qemu. */
const UNPRIVILEGED_ID = 65_534;
const TIMEOUT_MS = 60_000;

export interface LibvirtOptions {
  /** Folder of its files; the files of commands go there too. */
  readonly folder: string;
  /** Lines of qemu.conf. */
  readonly configuration: readonly string[];
  /** Commands of virsh; the guest's name is "guest". */
  readonly commands: readonly string[];
}

/** Return the reason why libvirt cannot run here, or undefined if it can. */
export function libvirtSkipReason(): string | undefined {
  const reason = qemuSkipReason();
  if (reason !== undefined) return reason;
  if (spawnSync('virsh', ['--version']).status !== 0) return 'virsh is not installed';
  const driver = '/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so';
  return fs.existsSync(driver) ? undefined : 'libvirt has no driver of QEMU: libvirt-daemon-driver-qemu';
}

/** Start a guest of 4 MiB under emulation, then run the commands. @throws Error with what virsh printed */
export function runLibvirt({ folder, configuration, commands }: LibvirtOptions): void {
  const root = fs.mkdtempSync(join(folder, 'libvirt-'));
  fs.mkdirSync(join(root, 'etc'));
  fs.writeFileSync(join(root, 'etc/qemu.conf'), [...configuration, 'stdio_handler = "file"', ''].join('\n'));
  fs.writeFileSync(join(root, 'guest.xml'), GUEST);
  const isRoot = process.getuid?.() === 0;
  if (isRoot)
    for (const path of [folder, root, join(root, 'etc')])
      fs.chownSync(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
  const home = Object.fromEntries(
    ['HOME', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME'].map((name) => [
      name,
      root,
    ]),
  );
  const script = [`create ${join(root, 'guest.xml')}`, ...commands].join('; ');
  const { status, stdout, stderr } = spawnSync('virsh', ['-c', `qemu:///embed?root=${root}`, script], {
    cwd: folder,
    env: { ...process.env, ...home },
    timeout: TIMEOUT_MS,
    encoding: 'utf8',
    ...(isRoot && { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID }),
  });
  if (status !== 0 || stderr.includes('error:')) throw new Error(`virsh: ${stdout}${stderr}`);
}

const GUEST = `<domain type='qemu'>
  <name>guest</name>
  <memory unit='KiB'>4104</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
`;
