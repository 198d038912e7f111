// Coders of byte streams, and web streams around them. A coder is a generator, so that it can stop in the
// middle of a frame: it works on one piece of output at a time, and only when that is wanted.

import { checkBytes } from '../../page/check-bytes.js';

/**
 * A coder of a stream of bytes. Yields a piece of output, or undefined to ask for input: it is then resumed
 * with bytes, or with undefined at the input's end. Pieces belong to the caller.
 */
export type ByteCoder = Generator<Uint8Array<ArrayBuffer> | undefined, void, Uint8Array | undefined>;

/** A pair of web streams, for `pipeThrough`. */
export interface ByteTransform {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array>;
}

/** Return all that a coder makes of `input`. */
export function codeAll(coder: ByteCoder, input: Uint8Array): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  let isGiven = false;
  for (let step = coder.next(); !step.done; ) {
    if (step.value) {
      pieces.push(step.value);
      total += step.value.length;
      step = coder.next();
    } else {
      step = coder.next(isGiven ? undefined : input);
      isGiven = true;
    }
  }
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** A chunk that was written, and the promise of its `write`. */
interface Written {
  readonly bytes: Uint8Array | undefined;
  readonly onTaken: () => void;
  readonly onFailed: (cause: unknown) => void;
}

/**
 * Return web streams around a coder. Back-pressure is exact: the coder makes one piece a `pull`, so that a
 * chunk which decodes to gigabytes is decoded as far as the reader reads, and a write resolves when its chunk
 * is used up.
 */
export function byteTransform(createCoder: () => ByteCoder | Promise<ByteCoder>): ByteTransform {
  const coding = Promise.resolve().then(createCoder);
  const pipe = new InputPipe();
  let coder: ByteCoder;
  let input: Uint8Array | undefined;
  const readable = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          coder ??= await coding;
          for (;;) {
            const { done, value } = coder.next(input);
            input = undefined;
            if (done) {
              pipe.take();
              controller.close();
              return;
            }
            if (value) {
              if (value.length === 0) continue;
              controller.enqueue(value);
              return;
            }
            input = await pipe.next();
          }
        } catch (cause) {
          pipe.fail(cause);
          throw cause;
        }
      },
      cancel: (reason) => pipe.fail(reason),
    },
    { highWaterMark: 0 },
  );
  // A coder that cannot be created is reported by the first read or write.
  coding.catch((cause) => pipe.fail(cause));
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => {
      if (!(bytes instanceof Uint8Array))
        pipe.fail(new TypeError('zstd stream: a chunk is not a Uint8Array'));
      return pipe.put(bytes);
    },
    close: () => pipe.put(undefined),
    abort: (reason) => pipe.fail(reason),
  });
  return { readable, writable };
}

/** Hands one chunk at a time from the writer to the reader. */
class InputPipe {
  private written: Written | undefined;
  private taken: Written | undefined;
  private wanted: { resolve(): void; reject(cause: unknown): void } | undefined;
  private failure: { readonly cause: unknown } | undefined;

  /** Offer a chunk, or the end; resolves once it is used up. */
  put(bytes: Uint8Array | undefined): Promise<void> {
    if (this.failure) return Promise.reject(this.failure.cause);
    return new Promise((onTaken, onFailed) => {
      this.written = { bytes, onTaken, onFailed };
      this.wanted?.resolve();
    });
  }

  /** The last chunk is used up. */
  take(): void {
    this.taken?.onTaken();
    this.taken = undefined;
  }

  /** Return the next chunk, or undefined at the end. The one before it is used up. */
  async next(): Promise<Uint8Array | undefined> {
    this.take();
    if (!this.written && !this.failure)
      await new Promise<void>((resolve, reject) => {
        this.wanted = { resolve, reject };
      });
    this.wanted = undefined;
    if (this.failure) throw this.failure.cause;
    const { bytes } = this.written!;
    // It may have been transferred while it waited.
    if (bytes) checkBytes('zstd stream', bytes);
    this.taken = this.written;
    this.written = undefined;
    return bytes;
  }

  /** Fail what waits, and every later call. */
  fail(cause: unknown): void {
    this.failure ??= { cause };
    this.taken?.onFailed(cause);
    this.written?.onFailed(cause);
    this.wanted?.reject(cause);
    this.taken = undefined;
    this.written = undefined;
  }
}
