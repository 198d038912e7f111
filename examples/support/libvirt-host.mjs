// A libvirt daemon of its own (qemu:///session) as one of several hosts on this machine. Started by root, it
// runs as an unprivileged user, since a daemon of root is the system's.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

const DRIVERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'];
const DRIVER = 'libvirt/connection-driver/libvirt_driver_qemu.so';
const DAEMON = '/usr/sbin/libvirtd';
/** The daemon ends this time after its last client. */
const IDLE_SECONDS = 300;
/** A command of virsh ends within this time. */
const VIRSH_MS = 60_000;
/** A daemon ends within this time of SIGTERM, or it is killed. */
const CLOSE_MS = 10_000;
const USER = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Return why libvirt cannot run guests here, or undefined. */
export function libvirtSkipReason() {
  if (!existsSync(DAEMON)) return 'libvirtd is not installed';
  for (const program of ['virsh', 'qemu-system-x86_64'])
    if (spawnSync(program, ['--version']).error) return `${program} is not installed`;
  return DRIVERS.some((folder) => existsSync(join(folder, DRIVER)))
    ? undefined
    : 'libvirt has no driver of QEMU';
}

/** Give a file or folder to the user of the daemons. */
export function giveToDaemon(path) {
  if (USER.uid !== undefined) chownSync(path, USER.uid, USER.gid);
}

/** Start the daemon of host `number`, whose files are in `folder`. */
export async function startHost(folder, number) {
  const root = join(folder, `host-${number}`);
  const made = ['', 'run', 'config', 'config/libvirt', 'cache', 'data'].map((name) => join(root, name));
  for (const path of made) {
    mkdirSync(path);
    giveToDaemon(path);
  }
  const set = (name, lines) => writeFileSync(join(root, 'config/libvirt', name), `${lines.join('\n')}\n`);
  // libvirt compares these numbers, and migrates only to another host.
  set('libvirtd.conf', [`host_uuid = "00000000-0000-4000-8000-00000000000${number}"`]);
  set('qemu.conf', ['security_driver = "none"', 'stdio_handler = "file"']);
  const env = { PATH: process.env.PATH, HOME: root };
  for (const name of ['RUNTIME_DIR', 'CONFIG_HOME', 'CACHE_HOME', 'DATA_HOME'])
    env[`XDG_${name}`] = join(root, name.split('_')[0].toLowerCase().replace('runtime', 'run'));
  const options = { ...USER, env, cwd: root };
  const child = spawn(DAEMON, ['--timeout', String(IDLE_SECONDS)], { ...options, stdio: 'pipe' });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      log += text;
    });
  const exited = once(child, 'exit');
  const socket = join(root, 'run/libvirt/libvirt-sock');
  const uri = `qemu+unix:///session?socket=${socket}`;
  const virsh = (...args) =>
    promisify(execFile)('virsh', ['-c', uri, ...args], { ...options, timeout: VIRSH_MS });
  for (let tries = 0; !existsSync(socket); tries++, await setTimeout(20))
    if (child.exitCode !== null || tries === 1000) throw new Error(`libvirtd: ${log}`);
  return {
    uri,
    virsh,
    async close() {
      await virsh('destroy', 'guest').catch(() => {});
      child.kill('SIGTERM');
      const killing = new AbortController();
      const late = setTimeout(CLOSE_MS, undefined, killing).then(() => child.kill('SIGKILL'));
      late.catch(() => {});
      await exited;
      killing.abort();
    },
  };
}

/** Return libvirt's description of a guest that runs Linux and writes what it prints to `serial`. */
export function guestXml({ kernel, initramfs, commandLine, mebibytes, serial }) {
  return `<domain type='qemu'>
  <name>guest</name>
  <uuid>11111111-2222-4333-8444-555555555555</uuid>
  <memory unit='KiB'>${mebibytes * 1024 + 8}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${kernel}</kernel>
    <initrd>${initramfs}</initrd>
    <cmdline>${commandLine}</cmdline>
  </os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    <serial type='file'><source path='${serial}' append='on'/></serial>
  </devices>
</domain>
`;
}

/** Wait until the guest has printed `count` checks of its memory; return their number. */
export async function waitForChecks(serial, count) {
  for (let tries = 0; tries < 1500; tries++, await setTimeout(20)) {
    const lines = [...readFileSync(serial, 'latin1').matchAll(/checks (\d+) (\d+)\r?\n/g)];
    const last = lines.at(-1);
    if (last && Number(last[2]) > 0) throw new Error(`the guest found ${last[2]} bad pages`);
    if (last && Number(last[1]) >= count) return Number(last[1]);
  }
  throw new Error(`the guest did not complete ${count} checks`);
}
