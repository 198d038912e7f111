// Makes the captures of test/fixtures/qemu again: node scripts/capture-qemu.mjs. Our own firmware is the
// whole guest, so they are small and hold nobody else's program.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  type Machine,
  type MachineOptions,
  type MigrateOptions,
  type MigrationInfo,
  ODD_KIB,
  startMachine,
} from './machine.js';
import { migratePair, startPair } from './pair.js';
import { tap } from './tap.js';

/** What QEMU itself says of a capture. */
export interface CaptureFacts {
  readonly qemu: string;
  /** query-migrate's counts of pages, as they were when it was done. */
  readonly normal: number;
  readonly zero: number;
  readonly changed: number;
  readonly ramBytes: number;
  /**
   * SHA-256 of the first 640 KiB of the guest's memory, as pmemsave gives it, where the guest was stopped at
   * the end.
   */
  readonly memory?: string;
}

/** What a PC has below its video memory. */
const LOW_MEMORY_BYTES = 640 << 10;

const GUEST = { memoryMib: 1, machine: 'pc,suppress-vmdesc=on' };
/** So slow that the guest writes to pages that were sent, and QEMU never finds the rest little enough. */
const SLOW = { 'max-bandwidth': 1_000_000, 'downtime-limit': 1 };
/** Until dirty pages have been collected so often: then what is left may take as long as it likes. */
const ROUNDS = 5;
const ANY_DOWNTIME = { 'downtime-limit': 100_000 };

type Options = MigrateOptions & {
  readonly args?: readonly string[];
  readonly machine?: string;
  readonly node?: boolean;
};

/** @public It is what scripts/capture-qemu.mjs calls. */
export async function captureAll(into: string): Promise<void> {
  fs.mkdirSync(into, { recursive: true });
  const facts: Record<string, CaptureFacts> = {};
  const keep = (name: string, stream: Buffer, fact?: CaptureFacts) => {
    if (stream.length === 0) return;
    const packed = gzipSync(stream, { level: 9 });
    fs.writeFileSync(join(into, `${name}.gz`), packed);
    if (fact) facts[name] = fact;
    process.stdout.write(`${name}: ${stream.length} bytes, ${packed.length} packed\n`);
  };
  await toFile('plain', { parameters: SLOW, machine: 'pc' }, keep);
  await toFile('xbzrle', { parameters: SLOW, capabilities: ['xbzrle'] }, keep);
  await toFile('compress', { capabilities: ['compress'] }, keep);
  await toFile(
    'uuid',
    { capabilities: ['validate-uuid'], args: ['-uuid', '00112233-4455-6677-8899-aabbccddeeff'] },
    keep,
  );
  const shared = [
    '-object',
    `memory-backend-file,id=pc.ram,size=${1024 + ODD_KIB}k,mem-path=${join(tmpdir(), 'capture.ram')},share=on`,
  ];
  await toFile(
    'ignore-shared',
    { capabilities: ['x-ignore-shared'], machine: 'pc,memory-backend=pc.ram', args: shared },
    keep,
  );
  fs.rmSync(join(tmpdir(), 'capture.ram'));
  await toFile(
    'dirty-bitmap',
    { capabilities: ['dirty-bitmaps'], args: ['-blockdev', 'null-co,node-name=disk'], node: true },
    keep,
  );
  await toGuest('return-path', { capabilities: ['return-path'], parameters: SLOW }, keep);
  // Slower than the guest comes to need its pages, so that it asks for some.
  const parameters = { ...SLOW, 'max-postcopy-bandwidth': 100_000 };
  await toGuest('postcopy', { capabilities: ['postcopy-ram'], parameters }, keep);
  await toGuest('preempt', { capabilities: ['postcopy-ram', 'postcopy-preempt'], parameters }, keep);
  await toGuest('multifd', { capabilities: ['multifd'] }, keep);
  fs.writeFileSync(join(into, 'facts.json'), `${JSON.stringify(facts, null, 2)}\n`);
}

type Keep = (name: string, stream: Buffer, facts?: CaptureFacts) => void;

/** A guest saved to a file. */
async function toFile(name: string, { args, machine, node, ...options }: Options, keep: Keep): Promise<void> {
  await inFolder(async (folder) => {
    const guest: MachineOptions = { ...GUEST, folder, name, args, machine: machine ?? GUEST.machine };
    const source = await startMachine(guest);
    const path = join(folder, 'capture');
    await settled(() => source.serial().length);
    if (node)
      await source.qmp.execute('block-dirty-bitmap-add', {
        node: 'disk',
        name: 'changes',
        persistent: false,
      });
    await source.migrate(`exec:cat > ${path}`, { parameters: ANY_DOWNTIME, ...options });
    if (options.parameters === SLOW) await hurried(source);
    const info = await source.migrated();
    const memory = digest(await source.memory(LOW_MEMORY_BYTES));
    keep(name, fs.readFileSync(path), { ...(await factsOf(source, info)), memory });
    await source.quit();
  });
}

/** A guest that moved to another QEMU. */
async function toGuest(name: string, options: Options, keep: Keep): Promise<void> {
  await inFolder(async (folder) => {
    const pair = await startPair({ ...GUEST, folder });
    const between = await tap(join(folder, 'tap'), pair.destination.socket);
    await settled(() => pair.source.serial().length);
    const postcopy = options.capabilities?.includes('postcopy-ram');
    const { info } = await migratePair(pair, {
      ...options,
      through: join(folder, 'tap'),
      begun: async () => {
        if (postcopy) {
          await rounds(pair.source, 3);
          await pair.source.qmp.execute('migrate-start-postcopy');
        } else if (options.parameters === SLOW) await hurried(pair.source);
      },
    });
    const memory = postcopy ? undefined : digest(await pair.source.memory(LOW_MEMORY_BYTES));
    const [main, second] = between.connections;
    keep(name, Buffer.concat(main!.forward), {
      ...(await factsOf(pair.source, info)),
      ...(memory && { memory }),
    });
    keep(`${name}-back`, Buffer.concat(main!.back));
    if (name === 'preempt') keep('preempt-channel', Buffer.concat(second!.forward));
    between.close();
    await pair.quit();
  });
}

async function rounds(source: Machine, times: number): Promise<void> {
  for (;;) {
    const { ram } = await source.qmp.execute<MigrationInfo & Record<string, unknown>>('query-migrate');
    if ((ram?.['dirty-sync-count'] ?? 0) >= times) return;
  }
}

async function hurried(source: Machine): Promise<void> {
  await rounds(source, ROUNDS);
  await source.setUp({ parameters: ANY_DOWNTIME });
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'capture-'));
  try {
    await work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** The guest has made a few rounds. */
async function settled(rounds: () => number): Promise<void> {
  const from = rounds();
  while (rounds() < from + 100) await new Promise((resolve) => setTimeout(resolve, 5));
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function factsOf(
  machine: Machine,
  { ram = {}, 'xbzrle-cache': xbzrle = {} }: MigrationInfo,
): Promise<CaptureFacts> {
  const { qemu } = await machine.qmp.execute<{ qemu: Record<'major' | 'minor' | 'micro', number> }>(
    'query-version',
  );
  return {
    qemu: `${qemu.major}.${qemu.minor}.${qemu.micro}`,
    normal: ram.normal ?? 0,
    zero: ram.duplicate ?? 0,
    changed: xbzrle.pages ?? 0,
    ramBytes: ram.total ?? 0,
  };
}
