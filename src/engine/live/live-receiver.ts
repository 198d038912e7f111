import { checkBytes } from '../../page/check-bytes.js';
import { badArgument } from '../../page/error.js';
import type { RecordParser } from '../decode/record-parser.js';
import type { DecodeCosts, DecodeMeter } from '../threads/decode-meter.js';
import type { GuestDecoder } from './guest-decoder.js';
import type { PageReceiver } from './page-receiver.js';

/** The parts of a receiver that hold memory; dropped when it is closed. */
export interface ReceiverParts {
  readonly parser: RecordParser;
  readonly decoder: GuestDecoder;
}

/** @internal Use `createPageReceiver`. */
export class LiveReceiver implements PageReceiver {
  private isComplete = false;
  private parts: ReceiverParts | undefined;
  private failure: { readonly cause: unknown } | undefined;

  constructor(
    parts: ReceiverParts,
    private readonly meter: DecodeMeter,
  ) {
    this.parts = parts;
  }

  get costs(): DecodeCosts {
    return this.meter.costs;
  }

  get complete(): boolean {
    return this.isComplete;
  }

  push(bytes: Uint8Array): void {
    this.checkBytes('push', bytes);
    this.guarded(({ parser, decoder }) => {
      parser.push(bytes);
      this.isComplete = decoder.complete;
    });
  }

  bypassed(pages: readonly number[], fills: readonly number[], bytes: Uint8Array): void {
    this.checkBytes('bypassed', bytes);
    this.guarded(({ decoder }) => decoder.bypassed(pages, fills, bytes));
  }

  markPresent(page: number): void {
    this.guarded(({ decoder }) => decoder.markPresent(page));
  }

  invalidate(page: number): void {
    this.guarded(({ decoder }) => decoder.invalidate(page));
  }

  finish(): void {
    this.guarded(({ parser }) => {
      if (!this.isComplete) throw parser.truncated();
    });
  }

  close(): void {
    this.parts = undefined;
    this.failure ??= { cause: badArgument('the page receiver was closed') };
  }

  /** Check an argument; a wrong one does not end the receiver. @throws the first failure; `bad-argument` */
  private checkBytes(method: string, bytes: Uint8Array): void {
    if (this.failure) throw this.failure.cause;
    checkBytes(method, bytes);
  }

  private guarded(step: (parts: ReceiverParts) => void): void {
    if (this.failure) throw this.failure.cause;
    try {
      step(this.parts!);
    } catch (cause) {
      this.failure = { cause };
      throw cause;
    }
  }
}
