import { bytesSink } from '../../src/image/memory.js';
import { PageferryError } from '../../src/page/error.js';
import type { PageSink } from '../../src/page/source.js';
import { count, messageKind, type Tally } from './tally.js';

const CODES = ['bad-stream', 'unsupported', 'wrong-base', 'not-identical', 'limit'];

/** A sink in memory that knows whether it was finished or aborted. */
export interface WatchedSink extends PageSink {
  state: 'open' | 'finished' | 'aborted';
  /** The image, as often as it is asked for. */
  image(): Uint8Array;
}

export function watchedSink(): WatchedSink {
  const sink = bytesSink();
  let taken: Uint8Array | undefined;
  const watched: WatchedSink = {
    ...sink,
    state: 'open',
    finish(bytes) {
      watched.state = 'finished';
      return sink.finish(bytes);
    },
    abort() {
      watched.state = 'aborted';
      sink.abort();
    },
    image() {
      taken ??= sink.take();
      return taken;
    },
  };
  return watched;
}

/** Counts a refusal. @throws when it is not one that says clearly what is wrong with the input */
export function refused(error: unknown, tally: Tally): void {
  if (!(error instanceof PageferryError))
    throw new Error(`threw what is no PageferryError: ${error}`, { cause: error });
  if (!CODES.includes(error.code)) throw new Error(`refused with the code "${error.code}": ${error.message}`);
  if (error.message.length < 10) throw new Error(`refused without a word: "${error.message}"`);
  count(tally.errors, error.code);
  count(tally.messages, messageKind(error.message));
}
