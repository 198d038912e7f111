import { PageferryError } from '../page/error.js';
import type { ImageFile } from './image-file.js';

/** A kind of file whose bytes are not memory page by page, and how to get memory from it. */
export interface KnownKind {
  readonly name: string;
  /** The bytes at `at` (default: 0). */
  readonly magic: readonly number[] | string;
  readonly at?: number;
  readonly remedy: string;
  /** Whether the bytes are compressed: a store of such files finds no page twice. */
  readonly isCompressed?: true;
}

const DECOMPRESS = 'decompress it first';
const CONVERT = 'it is a disk, not memory; qemu-img convert -O raw makes its content a raw file';
const VMWARE = 'its memory is in the .vmem file beside it, which can be read';

/** Files that are often mistaken for images of memory. Names are those that `file` and their tools use. */
const KNOWN: readonly KnownKind[] = [
  {
    name: 'packed stream of pageferry',
    magic: [0x89, 0x50, 0x46, 0x59, 0x0d, 0x0a, 0x1a, 0x0a],
    remedy: 'pageferry unpack writes its images, pageferry verify checks them',
    isCompressed: true,
  },
  {
    name: 'stream of pageferry store export',
    magic: 'PFSTEXPT',
    remedy: 'pageferry store import takes it',
    isCompressed: true,
  },
  { name: 'gzip', magic: [0x1f, 0x8b, 8], remedy: DECOMPRESS, isCompressed: true },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], remedy: DECOMPRESS, isCompressed: true },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], remedy: DECOMPRESS, isCompressed: true },
  {
    name: 'bzip2',
    magic: [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
    remedy: DECOMPRESS,
    isCompressed: true,
  },
  { name: 'lz4', magic: [4, 0x22, 0x4d, 0x18], remedy: DECOMPRESS, isCompressed: true },
  {
    name: 'lzop',
    magic: [0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a],
    remedy: DECOMPRESS,
    isCompressed: true,
  },
  { name: 'zip', magic: [0x50, 0x4b, 3, 4], remedy: 'extract the image from it first', isCompressed: true },
  {
    name: '7z',
    magic: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c],
    remedy: 'extract the image from it first',
    isCompressed: true,
  },
  { name: 'VMware state (.vmss, .vmsn)', magic: [0xd0, 0xbe, 0xd2, 0xbe], remedy: VMWARE },
  { name: 'VMware state (.vmss, .vmsn)', magic: [0xd1, 0xba, 0xd1, 0xba], remedy: VMWARE },
  { name: 'VMware state (.vmss, .vmsn)', magic: [0xd2, 0xbe, 0xd2, 0xbe], remedy: VMWARE },
  { name: 'VMware state (.vmss, .vmsn)', magic: [0xd3, 0xbe, 0xd3, 0xbe], remedy: VMWARE },
  {
    name: 'Windows crash dump (MEMORY.DMP)',
    magic: 'PAGEDU',
    remedy: 'its pages are in an order of their own, which is not read',
  },
  {
    name: 'Windows hibernation file',
    magic: 'HIBR',
    remedy: 'its pages are compressed by an algorithm that is not read',
  },
  {
    name: 'Windows hibernation file',
    magic: 'hibr',
    remedy: 'its pages are compressed by an algorithm that is not read',
  },
  {
    name: 'saved Xen domain',
    magic: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x58, 0x45, 0x4e, 0x46],
    remedy: 'dump its memory with xl dump-core',
  },
  {
    name: 'saved Xen domain',
    magic: 'Xen saved domain',
    remedy: 'dump its memory with xl dump-core',
  },
  {
    name: 'saved state of VirtualBox (.sav)',
    magic: '\x7fVirtualBox SavedState V',
    remedy: 'VBoxManage debugvm NAME dumpvmcore writes its memory as a core, which can be read',
  },
  {
    name: 'ELF, but not a core',
    magic: '\x7fELF',
    remedy: 'it is a program, a library or an object file, not memory',
  },
  { name: 'qcow2 disk image', magic: [0x51, 0x46, 0x49, 0xfb], remedy: CONVERT },
  { name: 'VMDK disk image', magic: 'KDMV', remedy: CONVERT },
  { name: 'VHDX disk image', magic: 'vhdxfile', remedy: CONVERT },
  { name: 'VDI disk image', magic: [0x7f, 0x10, 0xda, 0xbe], at: 64, remedy: CONVERT },
];

/** Return the kind of a file that begins with the magic of a kind other than memory. */
export function knownKind({ firstBytes }: Pick<ImageFile, 'firstBytes'>): KnownKind | undefined {
  return KNOWN.find(({ magic, at = 0 }) => {
    const bytes = typeof magic === 'string' ? Array.from(magic, (letter) => letter.charCodeAt(0)) : magic;
    return bytes.every((byte, i) => firstBytes[at + i] === byte);
  });
}

/** Create the error for a file of a kind that is not read. */
export function knownKindError(
  { path }: Pick<ImageFile, 'path'>,
  { name, remedy }: KnownKind,
): PageferryError {
  return new PageferryError('unsupported', `${path}: is a file of the kind ${name}; ${remedy}`);
}
