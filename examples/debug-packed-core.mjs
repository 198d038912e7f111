// Open a core dump in a debugger while it stays packed: gdb and readelf read an ELF core of a running process
// through a mount of a store. Needs root, FUSE and gdb.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pageferry, skipReason, startMount } from './support/mount-command.mjs';

const reason = skipReason(['gdb', 'gcore', 'readelf', 'cmp']);
if (reason) console.log(`skipped: ${reason}`);
else await debugPackedCore();

async function debugPackedCore() {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-core-'));
  const [store, point] = [join(folder, 'store'), join(folder, 'mounted.core')];
  let mount;
  try {
    const core = dumpProcess(folder);
    pageferry('store', 'init', store);
    pageferry('store', 'put', '-s', store, core, '--name', 'core');
    writeFileSync(point, ''); // one snapshot can be mounted over a file
    mount = await startMount(`${store}:core`, point);

    const commands = ['bt', 'info registers rip rsp', 'x/4xg $sp'].flatMap((text) => ['-ex', text]);
    const debugged = output('gdb', '-batch', '-nx', ...commands, '-c', point);
    console.log(`gdb:\n${debugged}`);
    const headers = output('readelf', '-hln', point);
    console.log(`readelf: ${headers.match(/Type:.*/)[0].replace(/ +/g, ' ')}`);
    if (debugged.replaceAll(point, core) !== output('gdb', '-batch', '-nx', ...commands, '-c', core))
      throw new Error('gdb: output differs from that for the original core');
    if (headers.replaceAll(point, core) !== output('readelf', '-hln', core))
      throw new Error('readelf: output differs from that for the original core');
    console.log('gdb and readelf print the same for the original core');
    output('cmp', core, point);
    console.log(`cmp: no difference in ${statSync(point).size} bytes`);
  } finally {
    const report = await mount?.close();
    if (report) console.log(`mount: ${report.failedReads} failed reads`);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Write a core of a process that sleeps; returns its path. */
function dumpProcess(folder) {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    output('gcore', '-o', join(folder, 'core'), String(child.pid));
    return join(folder, `core.${child.pid}`);
  } finally {
    child.kill();
  }
}

/** Run a program and return its standard output. @throws Error when it fails */
function output(program, ...argv) {
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${stderr || stdout}`);
  return stdout;
}
