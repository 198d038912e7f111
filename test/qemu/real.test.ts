// Tests with the installed QEMU. Without QEMU, or a kernel for a guest, they are skipped with the reason.
import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openQemuStream } from '../../src/image/qemu-migration/qemu-migration.js';
import { QemuReturnReader } from '../../src/qemu/return-path.js';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';
import { QemuStreamWriter } from '../../src/qemu/stream-writer.js';
import {
  buildGuest,
  checkerReport,
  linuxSkipReason,
  qemuSkipReason,
  waitForChecks,
} from '../../testing/qemu/linux.js';
import { type Machine, ODD_KIB, startMachine } from '../../testing/qemu/machine.js';
import { migratePair, startPair } from '../../testing/qemu/pair.js';
import { testFolder } from '../image/support.js';

const folder = testFolder();
const LOW_BYTES = 640 << 10;
const HIGH_START = 1 << 20;
const MEMORY_MIB = 128;
const MEMORY_BYTES = (MEMORY_MIB * 1024 + ODD_KIB) * 1024;

const lackOfQemu = qemuSkipReason();
const lackOfLinux = linuxSkipReason();
const because = (lack: string | undefined) => (lack === undefined ? '' : ` (skipped: ${lack})`);

/**
 * Compare RAM, except between LOW_BYTES and HIGH_START, where a PC shows its display and firmware instead.
 */
function expectRam(image: Buffer, memory: Buffer): void {
  expect(image.subarray(0, LOW_BYTES).equals(memory.subarray(0, LOW_BYTES))).toBe(true);
  expect(image.subarray(HIGH_START).equals(memory.subarray(HIGH_START))).toBe(true);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function saved(machine: Machine, path: string, capabilities: string[]): Promise<Buffer> {
  await machine.migrate(`exec:cat > ${path}`, { capabilities });
  await machine.migrated();
  const source = openQemuStream(path);
  const image = Buffer.alloc(source.bytes);
  expect(source.read(image)).toBe(image.length);
  source.close();
  return image;
}

describe.skipIf(lackOfQemu)(`a guest of firmware alone${because(lackOfQemu)}`, () => {
  test.each([[[]], [['xbzrle']]])(
    'saved while it writes, with %j, is read as its RAM',
    async (capabilities) => {
      const machine = await startMachine({ folder, name: 'firmware', memoryMib: 1 });
      await until(() => machine.serial().length > 100);
      const image = await saved(machine, join(folder, 'firmware.mig'), capabilities);
      expect(image.length).toBe((1024 + ODD_KIB) * 1024);
      const memory = await machine.memory(LOW_BYTES);
      expect(image.subarray(0, LOW_BYTES).equals(memory)).toBe(true);
      await machine.quit();
    },
  );
});

describe.skipIf(lackOfLinux)(`a guest with Linux${because(lackOfLinux)}`, () => {
  const guest = lackOfLinux === undefined ? buildGuest(folder) : undefined;

  test('saved while it writes, is read as its RAM', async () => {
    const machine = await startMachine({
      folder,
      name: 'linux',
      memoryMib: MEMORY_MIB,
      linux: guest!({ mode: 'fill' }),
    });
    await waitForChecks(machine, 3);
    const image = await saved(machine, join(folder, 'linux.mig'), []);
    expect(image.length).toBe(MEMORY_BYTES);
    expectRam(image, await machine.memory(MEMORY_BYTES));
    await machine.quit();
  });

  test.each([
    ['precopy', ['return-path']],
    ['xbzrle', ['xbzrle']],
  ])('migrates through reader and writer with correct memory: %s', async (_, capabilities) => {
    const pair = await startPair({ folder, memoryMib: MEMORY_MIB, linux: guest!() });
    const relay = await rewriter(join(folder, 'relay'), pair.destination.socket);
    await waitForChecks(pair.source, 3);
    const { count } = checkerReport(pair.source.serial());
    await migratePair(pair, {
      through: relay.path,
      capabilities,
      parameters: { 'max-bandwidth': 50_000_000 },
    });
    await waitForChecks(pair.destination, count + 5);
    expect(checkerReport(pair.destination.serial())).toMatchObject({ bad: 0, details: [] });
    expect(relay.answers).toEqual(capabilities[0] === 'return-path' ? ['pong 1', 'shut 0'] : []);
    expect(relay.state()).toBe('devices');
    relay.close();
    await pair.quit();
  });
});

/** A relay that parses the source's stream and sends it as the writer writes it. */
async function rewriter(path: string, to: string) {
  const answers: string[] = [];
  const sockets: net.Socket[] = [];
  let reader: QemuStreamReader | undefined;
  const server = net.createServer((source) => {
    const destination = net.connect(to);
    sockets.push(source, destination);
    const writer = new QemuStreamWriter((bytes) => destination.write(bytes));
    const forward = new QemuStreamReader(writer.events());
    reader = forward;
    const back = new QemuReturnReader({
      onPong: (n) => answers.push(`pong ${n}`),
      onShut: (error) => answers.push(`shut ${error}`),
    });
    source.on('data', (bytes) => {
      forward.push(bytes);
      writer.flush();
    });
    destination.on('data', (bytes) => {
      back.push(bytes);
      source.write(bytes);
    });
    source.on('end', () => destination.end());
    for (const socket of [source, destination]) socket.on('error', () => socket.destroy());
  });
  fs.rmSync(path, { force: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    answers,
    state: () => reader?.state,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
