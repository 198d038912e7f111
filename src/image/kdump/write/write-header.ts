// The blocks of a kdump file before its bitmaps, of a little-endian machine of 64 bits (../layout.ts).
import { PageferryError } from '../../../page/error.js';
import { notesIn } from '../../elf-core/notes.js';
import {
  afterStatus,
  HEADER_BYTES,
  header,
  KDUMP_MAGIC,
  MACHINE_BYTES,
  MACHINES,
  SUB_HEADER_BYTES,
  subHeader,
} from '../layout.js';

const VERSION = 6;
const EM_X86_64 = 62;
/** Of the utsname: system, node, release, version, machine, domain. */
const RELEASE = 2;
const NT_PRSTATUS = 1;
const VMCOREINFO = 'VMCOREINFO';

/** Facts about the kernel in the notes of a dump. */
export interface KernelInfo {
  readonly release: string;
  /** 0: not known. */
  readonly pageBytes: number;
  readonly physBase: bigint;
  readonly cpus: number;
  /** Position of the text of VMCOREINFO in the notes. */
  readonly vmcoreinfo: { readonly offset: number; readonly bytes: number } | undefined;
}

/** Read the notes that a dump needs in its header. */
export function kernelInfo(notes: Uint8Array): KernelInfo {
  const all = [...notesIn(notes, true)];
  const info = all.find(({ name }) => name === VMCOREINFO);
  const text = new TextDecoder('latin1').decode(info?.content);
  const field = (name: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const physBase = field('NUMBER(phys_base)') ?? '';
  return {
    release: field('OSRELEASE') ?? '',
    pageBytes: Number(field('PAGESIZE') ?? 0),
    physBase: /^-?\d{1,19}$/.test(physBase) ? BigInt(physBase) : 0n,
    cpus: all.filter(({ name, type }) => name === 'CORE' && type === NT_PRSTATUS).length,
    vmcoreinfo: info && { offset: info.offset, bytes: info.content.length },
  };
}

/** Settings of {@link kdumpHeader}. */
export interface KdumpHeaderFields {
  readonly blockBytes: number;
  /** Pages that the bitmaps have bits for. */
  readonly pages: number;
  readonly bitmapBlocks: number;
  /** Compression of pages. */
  readonly flag: number;
  readonly machineName: string;
  readonly notes: Uint8Array;
  readonly info: KernelInfo;
}

/** The machine's name in a dump. @throws PageferryError `unsupported` for machines of other kinds */
export function machineName(name: string, machine: number): string {
  const found = MACHINES[machine || EM_X86_64];
  if (found !== undefined) return found;
  throw new PageferryError(
    'unsupported',
    `${name}: kdump files of processor ${machine} (ELF's number) cannot be written, of ` +
      `${Object.values(MACHINES).join(', ')} only; write it with --as elf`,
  );
}

/** Create the blocks before the bitmaps. */
export function kdumpHeader(fields: KdumpHeaderFields): Uint8Array {
  const { blockBytes, pages, bitmapBlocks, flag, notes, info } = fields;
  const subHeaderBlocks = Math.ceil((SUB_HEADER_BYTES + notes.length) / blockBytes);
  const bytes = new Uint8Array((1 + subHeaderBlocks) * blockBytes);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, text: string) => {
    new TextEncoder().encodeInto(text, bytes.subarray(offset, offset + MACHINE_BYTES - 1));
  };
  put(0, KDUMP_MAGIC);
  view.setUint32(header.version, VERSION, true);
  put(header.system, 'Linux');
  put(header.system + RELEASE * MACHINE_BYTES, info.release);
  put(header.machine, fields.machineName);
  const mapped = Math.min(pages, 0xffffffff);
  view.setUint32(header.status, flag, true);
  for (const [name, value] of Object.entries({ blockBytes, subHeaderBlocks, bitmapBlocks, pages: mapped }))
    view.setUint32(header.status + afterStatus[name as keyof typeof afterStatus], value, true);
  view.setUint32(HEADER_BYTES - 4, info.cpus, true);
  const word = (offset: number, value: bigint | number) =>
    view.setBigInt64(blockBytes + offset, BigInt.asIntN(64, BigInt(value)), true);
  word(0, info.physBase);
  word(subHeader.pages64, pages);
  const notesAt = blockBytes + SUB_HEADER_BYTES;
  bytes.set(notes, notesAt);
  if (notes.length > 0) {
    word(subHeader.notes, notesAt);
    word(subHeader.notes + 8, notes.length);
  }
  if (info.vmcoreinfo) {
    word(subHeader.vmcoreinfo, notesAt + info.vmcoreinfo.offset);
    word(subHeader.vmcoreinfo + 8, info.vmcoreinfo.bytes);
  }
  return bytes;
}
