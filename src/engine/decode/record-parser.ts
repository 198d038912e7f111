import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import { HEADER_BYTES, RECORD_HEAD_BYTES, type StreamHeader, type StreamKind } from '../../stream/format.js';
import { type RecordHead, readHeader, readRecordHead, recordSeed } from '../../stream/records.js';
import { packedLimit } from '../frame/frame-decoder.js';
import { ByteCollector } from './byte-collector.js';

/** Who takes a stream's records, in order, each proved whole and in its place. */
export interface RecordHandler {
  /** The stream's last record was taken: nothing may follow. */
  readonly complete: boolean;
  open(header: StreamHeader): void;
  /** The record's data stands where the intake was told. */
  take(record: RecordHead, head: Uint8Array, what: string): void;
}

/** Cuts a stream, pushed in pieces of any size, into its header and records. */
export class RecordParser {
  private readonly intake: ByteCollector;
  private header: StreamHeader | undefined;
  private record: RecordHead | undefined;
  private ordinal = 0;

  constructor(
    kernels: Kernels,
    /** Where a record's data goes. */
    data: number,
    private readonly kind: StreamKind,
    private readonly maxFrameBytes: number,
    private readonly taker: RecordHandler,
  ) {
    this.intake = new ByteCollector(kernels, data);
    this.intake.expect(HEADER_BYTES);
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.intake.position;
  }

  /** @throws PageferryError what is wrong and where */
  push(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.taker.complete)
        throw new PageferryError('bad-stream', `byte ${this.position}: goes on after its end`);
      from += this.intake.take(bytes, from);
      if (this.intake.complete) this.advance();
    }
  }

  /** Where a stream that ends here is cut off. */
  truncated(after = ''): PageferryError {
    const where = !this.header
      ? 'in the stream header'
      : `${this.record ? `in record ${this.ordinal}` : `before record ${this.ordinal}`}${after}`;
    return new PageferryError(
      'bad-stream',
      `ends at byte ${this.position}, in the middle: truncated ${where}`,
    );
  }

  /** What was expected is there: header, record head, or a record's head and data. */
  private advance(): void {
    const { intake } = this;
    if (!this.header) {
      this.open(readHeader(intake.head, this.kind, (bytes) => intake.check(bytes, [0, 0])[0]));
      intake.expect(RECORD_HEAD_BYTES);
      return;
    }
    const what = `record ${this.ordinal}`;
    if (!this.record) {
      const record = readRecordHead(intake.head, this.kind, what);
      if (record.dataBytes > packedLimit(this.header.maxFrameBytes))
        throw new PageferryError(
          'bad-stream',
          `${what}: ${record.dataBytes} bytes of data, more than its stream announced`,
        );
      this.record = record;
      intake.expect(record.headBytes, record.dataBytes);
      // A record may be empty of both: then nothing more has to come.
      if (intake.complete) this.advance();
      return;
    }
    const { type, headBytes, dataBytes, check } = this.record;
    const [low, high] = intake.check(intake.head, recordSeed(type, this.ordinal, headBytes, dataBytes));
    if (low !== check[0] || high !== check[1])
      throw new PageferryError('bad-stream', `${what}: damaged or out of place, its check does not match`);
    this.taker.take(this.record, intake.head, what);
    this.record = undefined;
    this.ordinal++;
    intake.expect(RECORD_HEAD_BYTES);
  }

  private open(header: StreamHeader): void {
    if (header.maxFrameBytes > this.maxFrameBytes)
      throw new PageferryError(
        'limit',
        `stream header: frames of up to ${header.maxFrameBytes} bytes, this reader takes ${this.maxFrameBytes}`,
      );
    this.header = header;
    this.taker.open(header);
  }
}
