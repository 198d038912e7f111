// Hostile directories of CRIU and compressed save files: formats that are opened by path, not by one handle.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContainerSink } from '../../src/image/container/container-sink.js';
import { parseContainer } from '../../src/image/container/description.js';
import { openOtherBytes } from '../../src/image/container/other-bytes.js';
import { readMembers } from '../../src/image/directory/tar.js';
import { openImage } from '../../src/image/formats.js';
import { createDirectorySink } from '../../src/image/fs/directory-sink.js';
import type { FileSource } from '../../src/image/image-file.js';
import { bytesSource } from '../../src/index.js';
import { PageferryError } from '../../src/page/error.js';
import { craftedStream } from '../../testing/qemu/crafted-guest.js';
import { filesOf, writePagemap } from '../image/criu-support.js';
import { SAVE_PROGRAMS, saved } from '../image/libvirt-support.js';
import { hasProgram } from '../image/support.js';
import { readAll, readMemory, sampleMemory } from './image-samples.js';
import { type Dice, diceOf, mutate } from './mutate.js';

const PAGE = 4096;
/** A written directory is synced, which takes long on a disk. */
const MEMORY_FILES = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A directory of files; a link is the text after ">". */
type Files = ReadonlyMap<string, Uint8Array | string>;

/** Feeds changed directories and save files. */
export class DirectoryDriver {
  readonly folder = fs.mkdtempSync(join(MEMORY_FILES, 'pageferry-fuzz-'));
  private readonly chain: ReadonlyMap<string, Files>;
  private readonly saves: readonly Uint8Array[];

  constructor(seed: number) {
    const dice = diceOf(seed, 'directory samples', 0);
    this.chain = writeChain(join(this.folder, 'samples'), dice);
    this.saves = compressedSaves(dice);
  }

  /** Change a directory of a chain, read its image and its container, and write the directory again. */
  async directory(dice: Dice): Promise<void> {
    const chain = new Map([...this.chain].map(([name, files]) => [name, new Map(files)]));
    for (let i = dice.oneIn(20) ? 0 : 1 + dice.below(2); i > 0; i--)
      change(dice.pick([...chain.values()]), dice);
    const folder = join(this.folder, 'directory');
    try {
      for (const [name, files] of chain) write(join(folder, name), files);
      const path = join(folder, dice.pick([...chain.keys()]));
      const back = join(folder, 'back');
      await withImage(path, async (source, image) => {
        const container = bytesSource(await readAll(source.container!), 'container');
        const bytes = {
          name: 'container',
          bytes: container.bytes!,
          readAt: container.readAt!.bind(container),
        };
        const parsed = parseContainer(bytes);
        const members = readMembers(openOtherBytes(parsed, bytes));
        const sink = createContainerSink(createDirectorySink(back, members), parsed, bytes);
        feed(sink, image);
        await sink.finish(image.length);
        const [before, after] = [filesOf(path), filesOf(back)];
        if (JSON.stringify([...before]) !== JSON.stringify([...after]))
          throw new Error('another directory came back');
      });
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Change a compressed save file, or what it compresses; the container is the file. */
  async save(dice: Dice): Promise<void> {
    if (this.saves.length === 0) return;
    const sample = dice.pick(this.saves);
    const bytes = dice.oneIn(20) ? sample : mutate(sample, dice, dice.pick(this.saves));
    const path = join(this.folder, 'guest.save');
    fs.writeFileSync(path, bytes);
    await withImage(path, async (source, image) => {
      if (!source.container) return; // another magic: a raw file
      const container = await readAll(source.container);
      const from = bytesSource(container, 'container');
      const parsed = parseContainer({ name: 'c', bytes: container.length, readAt: from.readAt!.bind(from) });
      if (parsed.imageBytes !== image.length) throw new Error('the container is of another image');
      if (parsed.runs.length === 0 && Buffer.compare(container.subarray(parsed.otherBytesAt), bytes) !== 0)
        throw new Error('the container is not the file');
    });
  }

  close(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Open an image and read all of it; of one that is larger than 1 MiB, only its ends. */
async function withImage(
  path: string,
  visit: (source: FileSource, image: Uint8Array) => Promise<void>,
): Promise<void> {
  const source = openImage(path);
  try {
    const image = readMemory(source);
    if (image) await visit(source, image);
  } finally {
    source.close();
  }
}

function feed(sink: ReturnType<typeof createContainerSink>, image: Uint8Array): void {
  try {
    for (let at = 0; at < image.length; at += PAGE) {
      const page = image.subarray(at, at + PAGE);
      if (page.every((byte) => byte === 0)) sink.zero(at, page.length);
      else sink.write(page, at);
    }
  } catch (error) {
    sink.abort();
    throw error;
  }
}

/** One change to the files of a directory. */
function change(files: Map<string, Uint8Array | string>, dice: Dice): void {
  const name = dice.pick([...files.keys()]);
  const content = files.get(name)!;
  const kind = dice.below(12);
  if (typeof content === 'string')
    files.set(name, dice.pick(['>.', '>../1', '>../2', '>nowhere', '>pages-1.img']));
  else if (kind === 0) files.delete(name);
  else if (kind === 1) files.set(dice.pick([...files.keys(), 'pagemap-9.img', 'pages-9.img']), content);
  else files.set(name, content.length > 0 ? mutate(content, dice, content) : content);
}

function write(path: string, files: Files): void {
  fs.mkdirSync(path, { recursive: true });
  for (const [name, content] of files)
    if (typeof content === 'string') fs.symlinkSync(content.slice(1), join(path, name));
    else fs.writeFileSync(join(path, name), content);
}

/** Two dumps of two processes; the second has pages in the first. */
function writeChain(dir: string, dice: Dice): ReadonlyMap<string, Files> {
  const pages = (count: number) => Buffer.from(sampleMemory(dice, count));
  writePagemap(join(dir, '1'), '7', 1, [
    { address: 0x40_0000n, pages: pages(6) },
    { address: 0x7f00_0000_0000n, pages: pages(3) },
  ]);
  writePagemap(join(dir, '1'), '12', 2, [{ address: 0x40_0000n, pages: pages(2) }]);
  writePagemap(join(dir, '2'), '7', 1, [
    { address: 0x40_0000n, pages: 2 },
    { address: 0x40_2000n, pages: pages(2) },
    { address: 0x7f00_0000_0000n, pages: 2 },
  ]);
  writePagemap(join(dir, '2'), 'shmem-3', 3, [{ address: 0n, pages: pages(1), isOld: true }]);
  fs.writeFileSync(join(dir, '2', 'core-7.img'), pages(1).subarray(0, 700));
  fs.symlinkSync('../1', join(dir, '2', 'parent'));
  return new Map(['1', '2'].map((name) => [name, readFiles(join(dir, name))]));
}

function readFiles(dir: string): Files {
  return new Map(
    fs.readdirSync(dir, { withFileTypes: true }).map((entry) => {
      const path = join(dir, entry.name);
      return [
        entry.name,
        entry.isSymbolicLink() ? `>${fs.readlinkSync(path)}` : new Uint8Array(fs.readFileSync(path)),
      ];
    }),
  );
}

/** Save files of every program that is installed, two of each: the content of one is 1000 times its size. */
function compressedSaves(dice: Dice): Uint8Array[] {
  const stream = craftedStream([Buffer.from(sampleMemory(dice, 8))]);
  const bomb = Buffer.concat([stream.subarray(0, 200), Buffer.alloc(4 << 20)]);
  return SAVE_PROGRAMS.flatMap((program, compression) => {
    if (program === '' || !hasProgram(program)) return [];
    return [stream, bomb].map((input) => {
      const { stdout, error } = spawnSync(program, ['-c'], { input, maxBuffer: 1 << 26 });
      if (error) throw new PageferryError('io', `${program}: ${error.message}`);
      return new Uint8Array(saved(stdout, { compression }));
    });
  });
}
