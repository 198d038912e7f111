import type { Slots } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import {
  RECORD_HEAD_BYTES,
  STREAM_HEADER_BYTES,
  type StreamHeader,
  type StreamKind,
} from '../../stream/format.js';
import { type RecordHead, readHeader, readRecordHead, recordSeed } from '../../stream/records.js';
import { packedLimit } from '../unpack/frame-decoder.js';
import { ByteCollector } from './byte-collector.js';

/** Receiver of a stream's header and records, in order. Their checks were verified. */
export interface RecordHandler {
  /** Whether the stream's last record was handled: no bytes may follow. */
  readonly complete: boolean;
  /** Handle the stream's header. */
  open(header: StreamHeader): void;
  /**
   * Reserve memory for the data of the next record, which begins at `position` of the stream; return its
   * address.
   */
  reserve(position: number): number | Promise<number>;
  /** Handle a record whose data is at the reserved address. `label`: the record's name in errors. */
  take(record: RecordHead, head: Uint8Array, label: string): void | Promise<void>;
}

/** Parses a stream, pushed in pieces of any size, into its header and records. */
export class RecordParser {
  private readonly collector: ByteCollector;
  private header: StreamHeader | undefined;
  private record: RecordHead | undefined;
  private ordinal = 0;

  constructor(
    slots: Slots,
    private readonly kind: StreamKind,
    private readonly maxFrameBytes: number,
    private readonly handler: RecordHandler,
  ) {
    this.collector = new ByteCollector(slots);
    this.collector.expect(STREAM_HEADER_BYTES);
  }

  /** Bytes of the stream parsed so far. */
  get position(): number {
    return this.collector.position;
  }

  /**
   * Parse the stream's next bytes. Returns a promise if the handler does; `bytes` must not change until it
   * settles.
   * @throws PageferryError what is wrong and where
   */
  push(bytes: Uint8Array): void | Promise<void> {
    let from = 0;
    while (from < bytes.length) {
      if (this.handler.complete) throw badStream(`byte ${this.position}: data after the end of the stream`);
      from += this.collector.collect(bytes, from);
      const pending = this.collector.complete ? this.advance() : undefined;
      if (pending) return pending.then(() => this.push(bytes.subarray(from)));
    }
  }

  /** Return the error of a stream that ends here, before its last record. */
  truncated(after = ''): PageferryError {
    const where = !this.header
      ? 'in the stream header'
      : `${this.record ? `in record ${this.ordinal}` : `before record ${this.ordinal}`}${after}`;
    return badStream(`ends at byte ${this.position}: truncated ${where}`);
  }

  /** Handle the collected bytes: the header, a record head, or a record's head and data. */
  private advance(): void | Promise<void> {
    const { collector } = this;
    if (!this.header) {
      this.open(readHeader(collector.head, this.kind, (bytes) => collector.check(bytes, [0, 0])[0]));
      collector.expect(RECORD_HEAD_BYTES);
      return;
    }
    const label = `record ${this.ordinal}`;
    if (!this.record) {
      const record = readRecordHead(collector.head, this.kind, label);
      if (record.dataBytes > packedLimit(this.header.maxFrameBytes))
        throw badStream(`${label}: ${record.dataBytes} bytes of data, more than its stream announced`);
      return this.begin(record);
    }
    const { type, headBytes, dataBytes, check } = this.record;
    const [low, high] = collector.check(collector.head, recordSeed(type, this.ordinal, headBytes, dataBytes));
    if (low !== check[0] || high !== check[1])
      throw badStream(`${label}: damaged or out of place, its check does not match`);
    const pending = this.handler.take(this.record, collector.head, label);
    const next = () => {
      this.record = undefined;
      this.ordinal++;
      collector.expect(RECORD_HEAD_BYTES);
    };
    if (pending) return pending.then(next);
    next();
  }

  /** Reserve memory for a record's data, then collect its head and data. */
  private begin(record: RecordHead): void | Promise<void> {
    const { headBytes, dataBytes } = record;
    const expect = (data: number) => {
      this.record = record;
      this.collector.expect(headBytes, dataBytes, data);
      // A record without head and data is complete already.
      return this.collector.complete ? this.advance() : undefined;
    };
    const data = this.handler.reserve(this.position + headBytes);
    return typeof data === 'number' ? expect(data) : data.then(expect);
  }

  private open(header: StreamHeader): void {
    if (header.maxFrameBytes > this.maxFrameBytes)
      throw new PageferryError(
        'limit',
        `stream header: frames of up to ${header.maxFrameBytes} bytes, more than maxFrameBytes (${this.maxFrameBytes})`,
      );
    this.header = header;
    this.handler.open(header);
  }
}

function badStream(message: string): PageferryError {
  return new PageferryError('bad-stream', message);
}
