// The records that announce images, and those with their final sizes and digests. Every integer is
// little-endian; reserved bytes must be zero.

import { badArgument, PageferryError } from '../page/error.js';
import { DIGEST_BYTES, type ImageEnd, type ImageRecord, MAX_NAME_BYTES, NO_IMAGE } from './format.js';
import { hex, WireReader, type WireWriter } from './wire.js';

const UNKNOWN_BYTES = 0xffffffff;
const NO_DIGEST = new Uint8Array(DIGEST_BYTES);
/** Kinds of images by their number in the record. */
const KINDS = ['carried', 'base', 'container'] as const satisfies readonly ImageRecord['kind'][];

// IMAGE: image u32 | kind u8 | flags u8 | name bytes u16 | parent u32 | 0 x 4 | bytes u64 | digest | name

/** Return an image name in UTF-8. @throws PageferryError `bad-argument` if it is too long */
export function nameBytes(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > MAX_NAME_BYTES)
    throw badArgument(`image name: ${bytes.length} bytes, at most ${MAX_NAME_BYTES}`);
  return bytes;
}

/** Write an IMAGE record. @throws PageferryError `bad-argument` if the name is too long */
export function writeImage(to: WireWriter, record: ImageRecord): void {
  const name = nameBytes(record.name);
  to.u32(record.image);
  to.u8(KINDS.indexOf(record.kind));
  to.u8(0);
  to.u16(name.length);
  to.u32(record.parent ?? NO_IMAGE);
  to.u32(0);
  if (record.bytes === undefined) {
    to.u32(UNKNOWN_BYTES);
    to.u32(UNKNOWN_BYTES);
  } else to.u64(record.bytes);
  to.put(record.digest ?? NO_DIGEST);
  to.put(name);
}

/** Read an IMAGE record; `label` names it in errors. @throws PageferryError `bad-stream`, `unsupported` */
export function readImage(bytes: Uint8Array, label: string): ImageRecord {
  const from = new WireReader(bytes, label);
  const image = from.u32();
  const kindNumber = from.u8();
  const kind = KINDS[kindNumber];
  const flags = from.u8();
  if (kind === undefined || flags !== 0)
    throw new PageferryError(
      'unsupported',
      `${label}: kind ${kindNumber}, flags ${hex(flags)}: this reader knows kinds 0 to ${KINDS.length - 1}`,
    );
  const nameLength = from.u16();
  const parent = from.u32();
  if (parent !== NO_IMAGE && parent >= image)
    throw from.bad(`parent ${parent} of image ${image}, which is not before it`);
  from.reserved(4);
  const size = bytes.subarray(16, 24);
  const unknown = size.length === 8 && size.every((byte) => byte === 0xff);
  let known: number | undefined;
  if (unknown) from.take(8);
  else known = from.u64();
  const digest = from.take(DIGEST_BYTES).slice();
  const name = readName(from, nameLength);
  from.end();
  if (kind === 'base' && known === undefined) throw from.bad('a base image of unknown size');
  if (kind === 'base' && parent !== NO_IMAGE) throw from.bad('a base image with a parent');
  if (kind !== 'base' && digest.some((byte) => byte !== 0))
    throw from.bad('a digest, which an image that is carried has at its end');
  return {
    image,
    kind,
    name,
    parent: parent === NO_IMAGE ? undefined : parent,
    bytes: known,
    digest: kind === 'base' ? digest : undefined,
  };
}

function readName(from: WireReader, length: number): string {
  if (length > MAX_NAME_BYTES) throw from.bad(`a name of ${length} bytes, more than ${MAX_NAME_BYTES}`);
  const bytes = from.take(length);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw from.bad('a name that is not UTF-8');
  }
}

// IMAGE END: image u32 | 0 x 4 | bytes u64 | digest

/** Write an IMAGE END record. */
export function writeImageEnd(to: WireWriter, image: number, end: ImageEnd): void {
  to.u32(image);
  to.u32(0);
  to.u64(end.bytes);
  to.put(end.digest);
}

/** Read an IMAGE END record; `label` names it in errors. @throws PageferryError `bad-stream` */
export function readImageEnd(bytes: Uint8Array, label: string): ImageEnd & { image: number } {
  const from = new WireReader(bytes, label);
  const image = from.u32();
  from.reserved(4);
  const end = { image, bytes: from.u64(), digest: from.take(DIGEST_BYTES).slice() };
  from.end();
  return end;
}

// END: image count u32 | 0 x 4 | { bytes u64 | digest }

/** Write the END record: size and digest of every image. */
export function writeEnd(to: WireWriter, images: readonly ImageEnd[]): void {
  to.u32(images.length);
  to.u32(0);
  for (const image of images) {
    to.u64(image.bytes);
    to.put(image.digest);
  }
}

/** Read the END record; `label` names it in errors. @throws PageferryError `bad-stream` */
export function readEnd(bytes: Uint8Array, label: string): ImageEnd[] {
  const from = new WireReader(bytes, label);
  const count = from.u32();
  from.reserved(4);
  if (count * (8 + DIGEST_BYTES) !== from.left) throw from.bad(`${count} images in ${from.left} bytes`);
  return Array.from({ length: count }, () => ({
    bytes: from.u64(),
    digest: from.take(DIGEST_BYTES).slice(),
  }));
}
