// Records the streams of test/fixtures/qemu with an installed QEMU: node scripts/capture-qemu.mjs. The guest
// runs only the firmware of firmware.ts, so the recordings are small and contain no third-party code.
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

/** QEMU's own figures for a recorded stream. */
export interface CaptureFacts {
  readonly qemu: string;
  /** Counts of pages that query-migrate reported at the end. */
  readonly normal: number;
  readonly zero: number;
  readonly changed: number;
  readonly ramBytes: number;
  /** SHA-256 of the guest's first 640 KiB (pmemsave); only if the guest was stopped at the end. */
  readonly memory?: string;
}

/** Memory of a PC below its video memory. */
const LOW_MEMORY_BYTES = 640 << 10;

const GUEST = { memoryMib: 1, machine: 'pc,suppress-vmdesc=on' };
/** So slow that the guest writes to pages that were already sent, and the migration does not converge. */
const SLOW = { 'max-bandwidth': 1_000_000, 'downtime-limit': 1 };
/** Rounds of slow migration; after them any downtime is allowed. */
const ROUNDS = 5;
const ANY_DOWNTIME = { 'downtime-limit': 100_000 };

type Options = MigrateOptions & {
  readonly args?: readonly string[];
  readonly machine?: string;
  readonly node?: boolean;
};

/** Record all streams, and QEMU's figures for them in facts.json. */
export async function captureAll(into: string): Promise<void> {
  fs.mkdirSync(into, { recursive: true });
  const facts: Record<string, CaptureFacts> = {};
  const save: SaveStream = (name, stream, fact) => {
    if (stream.length === 0) return;
    const compressed = gzipSync(stream, { level: 9 });
    fs.writeFileSync(join(into, `${name}.gz`), compressed);
    if (fact) facts[name] = fact;
    process.stdout.write(`${name}: ${stream.length} bytes, ${compressed.length} compressed\n`);
  };
  await toFile('plain', { parameters: SLOW, machine: 'pc' }, save);
  await toFile('xbzrle', { parameters: SLOW, capabilities: ['xbzrle'] }, save);
  await toFile('compress', { capabilities: ['compress'] }, save);
  await toFile(
    'uuid',
    { capabilities: ['validate-uuid'], args: ['-uuid', '00112233-4455-6677-8899-aabbccddeeff'] },
    save,
  );
  const shared = [
    '-object',
    `memory-backend-file,id=pc.ram,size=${1024 + ODD_KIB}k,mem-path=${join(tmpdir(), 'capture.ram')},share=on`,
  ];
  await toFile(
    'ignore-shared',
    { capabilities: ['x-ignore-shared'], machine: 'pc,memory-backend=pc.ram', args: shared },
    save,
  );
  fs.rmSync(join(tmpdir(), 'capture.ram'));
  await toFile(
    'dirty-bitmap',
    { capabilities: ['dirty-bitmaps'], args: ['-blockdev', 'null-co,node-name=disk'], node: true },
    save,
  );
  await toGuest('return-path', { capabilities: ['return-path'], parameters: SLOW }, save);
  // Slower than the guest accesses its pages, so that it requests some.
  const parameters = { ...SLOW, 'max-postcopy-bandwidth': 100_000 };
  await toGuest('postcopy', { capabilities: ['postcopy-ram'], parameters }, save);
  await toGuest('preempt', { capabilities: ['postcopy-ram', 'postcopy-preempt'], parameters }, save);
  await toGuest('multifd', { capabilities: ['multifd'] }, save);
  fs.writeFileSync(join(into, 'facts.json'), `${JSON.stringify(facts, null, 2)}\n`);
}

type SaveStream = (name: string, stream: Buffer, facts?: CaptureFacts) => void;

/** Record a migration to a file. */
async function toFile(
  name: string,
  { args, machine, node, ...options }: Options,
  save: SaveStream,
): Promise<void> {
  await withFolder(async (folder) => {
    const guest: MachineOptions = { ...GUEST, folder, name, args, machine: machine ?? GUEST.machine };
    const source = await startMachine(guest);
    const path = join(folder, 'capture');
    await waitForOutput(() => source.serial().length);
    if (node)
      await source.qmp.execute('block-dirty-bitmap-add', {
        node: 'disk',
        name: 'changes',
        persistent: false,
      });
    await source.migrate(`exec:cat > ${path}`, { parameters: ANY_DOWNTIME, ...options });
    if (options.parameters === SLOW) await finishSoon(source);
    const info = await source.migrated();
    const memory = digest(await source.memory(LOW_MEMORY_BYTES));
    save(name, fs.readFileSync(path), { ...(await factsOf(source, info)), memory });
    await source.quit();
  });
}

/** Record a migration to another QEMU. */
async function toGuest(name: string, options: Options, save: SaveStream): Promise<void> {
  await withFolder(async (folder) => {
    const pair = await startPair({ ...GUEST, folder });
    const between = await tap(join(folder, 'tap'), pair.destination.socket);
    await waitForOutput(() => pair.source.serial().length);
    const postcopy = options.capabilities?.includes('postcopy-ram');
    const { info } = await migratePair(pair, {
      ...options,
      through: join(folder, 'tap'),
      onStarted: async () => {
        if (postcopy) {
          await waitForRounds(pair.source, 3);
          await pair.source.qmp.execute('migrate-start-postcopy');
        } else if (options.parameters === SLOW) await finishSoon(pair.source);
      },
    });
    const memory = postcopy ? undefined : digest(await pair.source.memory(LOW_MEMORY_BYTES));
    const [main, second] = between.connections;
    save(name, Buffer.concat(main!.forward), {
      ...(await factsOf(pair.source, info)),
      ...(memory && { memory }),
    });
    save(`${name}-back`, Buffer.concat(main!.back));
    if (name === 'preempt') save('preempt-channel', Buffer.concat(second!.forward));
    between.close();
    await pair.quit();
  });
}

async function waitForRounds(source: Machine, count: number): Promise<void> {
  for (;;) {
    const { ram } = await source.qmp.execute<MigrationInfo & Record<string, unknown>>('query-migrate');
    if ((ram?.['dirty-sync-count'] ?? 0) >= count) return;
  }
}

/** Lift the limit on the downtime, once the stream holds several rounds. */
async function finishSoon(source: Machine): Promise<void> {
  await waitForRounds(source, ROUNDS);
  await source.setUp({ parameters: ANY_DOWNTIME });
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'capture-'));
  try {
    await work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Wait until the guest has written 100 more characters: it has then changed its pages as often. */
async function waitForOutput(characters: () => number): Promise<void> {
  const from = characters();
  while (characters() < from + 100) await new Promise((resolve) => setTimeout(resolve, 5));
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
