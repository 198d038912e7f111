// Writes libvirt's save files by their grammar, independently of src/image/libvirt-save.

/** Fields of a header that can be given a wrong value. */
export interface SaveFields {
  readonly magic?: string;
  readonly version?: number;
  readonly compression?: number;
  readonly dataBytes?: number;
  readonly isBigEndian?: boolean;
}

/** Programs that libvirt compresses with, by their number in the header. */
export const SAVE_PROGRAMS = ['', 'gzip', 'bzip2', 'xz', 'lzop', 'zstd'] as const;

/** A save file: header, the guest's description, and QEMU's stream. */
export function saved(stream: Uint8Array, fields: SaveFields = {}): Buffer {
  const { magic = 'LibvirtQemudSave', version = 2, compression = 0, dataBytes = 4004 } = fields;
  const head = Buffer.alloc(92);
  head.write(magic);
  const words = [version, dataBytes, 1, compression, 9];
  for (const [i, word] of words.entries())
    if (fields.isBigEndian) head.writeUInt32BE(word, 16 + 4 * i);
    else head.writeUInt32LE(word, 16 + 4 * i);
  return Buffer.concat([head, Buffer.from('<domain/>'.padEnd(4004, '\0')), stream]);
}
