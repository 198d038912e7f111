import { PageferryError } from '../../page/error.js';
import {
  type ImageRecord,
  RECORD,
  RECORD_HEAD_BYTES,
  type RecordType,
  TRAILER_MAGIC,
} from '../../stream/format.js';
import { readImage } from '../../stream/image-records.js';
import { readRecordHead, recordSeed } from '../../stream/records.js';
import type { ByteCollector } from '../decode/byte-collector.js';

/** A record of a file: its head, the number of bytes of its data, and the offset of the next record. */
export interface FileRecord {
  readonly head: Uint8Array;
  readonly dataBytes: number;
  readonly end: number;
}

/** Source of records. */
export interface ReadableBytes {
  readonly name: string;
  /** Read bytes from `position` and return their number; fewer than asked for only at the end. */
  readAt(into: Uint8Array, position: number): number;
  /** Fetch the head of the record at `position`, so that `readAt` has it. Absent: the file is local. */
  load?(position: number): Promise<void>;
}

/** Reads the records of a packed file by their offsets. */
export class RecordReader {
  constructor(
    /** Computes checks. */
    readonly collector: ByteCollector,
    readonly file: ReadableBytes,
    private readonly fileBytes: number,
  ) {}

  /** Read `count` bytes at `at`. @throws PageferryError `bad-stream` when the file ends before them */
  readBytes(at: number, count: number, label: string): Uint8Array {
    const into = new Uint8Array(Math.max(0, Math.min(count, this.fileBytes - at)));
    if (at < 0 || into.length !== count || this.file.readAt(into, at) !== count)
      throw badStream(
        `${this.file.name}: no ${label} of ${count} bytes at ${at}: truncated, or not packed by this program`,
      );
    return into;
  }

  /** Read a record without verifying its check, which needs the record's number in the stream. */
  readUnchecked(at: number, type: RecordType, label: string): FileRecord {
    const record = readRecordHead(this.readBytes(at, RECORD_HEAD_BYTES, label), 'images', label);
    if (record.type !== type)
      throw badStream(`${label} at ${at}: a record of type ${record.type}, expected ${type}`);
    const head = this.readBytes(at + RECORD_HEAD_BYTES, record.headBytes, label);
    return {
      head,
      dataBytes: record.dataBytes,
      end: at + RECORD_HEAD_BYTES + record.headBytes + record.dataBytes,
    };
  }

  /** Read a record and verify its check. */
  readChecked(at: number, type: RecordType, ordinal: number, label: string): FileRecord {
    const record = readRecordHead(this.readBytes(at, RECORD_HEAD_BYTES, label), 'images', label);
    const found = this.readUnchecked(at, type, label);
    const [low, high] = this.collector.check(
      found.head,
      recordSeed(type, ordinal, record.headBytes, record.dataBytes),
    );
    if (low !== record.check[0] || high !== record.check[1])
      throw badStream(`${label} at ${at}: damaged or out of place, its check does not match`);
    return found;
  }

  /** Read the head of the trailer; check that its magic ends the file. */
  readTrailer(at: number): Uint8Array {
    const last = this.readBytes(this.fileBytes - TRAILER_MAGIC.length, TRAILER_MAGIC.length, 'trailer');
    if (TRAILER_MAGIC.some((byte, i) => last[i] !== byte))
      throw badStream(
        `${this.file.name}: does not end with an index at byte ${this.fileBytes}: truncated or damaged`,
      );
    return this.readUnchecked(at, RECORD.TRAILER, 'trailer').head;
  }

  /** Read an image record. */
  readImage(at: number, ordinal: number): ImageRecord {
    return readImage(this.readChecked(at, RECORD.IMAGE, ordinal, 'image record').head, 'image record');
  }
}

function badStream(message: string): PageferryError {
  return new PageferryError('bad-stream', message);
}
