// Checks what a caller's own sink returns: the calls of a sink are synchronous, except `finish`.
import { discardPromise, isPromise, valueText } from './checked-source.js';
import { badArgument } from './error.js';
import type { PageSink } from './source.js';

/**
 * Return a sink that writes to `sink` and checks every value that it returns; `name` is the image's.
 * @throws PageferryError `bad-argument` at once when `sink` is not a sink, later when it returns what it must
 * not
 */
export function checkedSink(sink: PageSink, name: string): PageSink {
  for (const method of ['write', 'zero', 'readAt', 'finish', 'abort'] as const)
    if (typeof sink?.[method] !== 'function')
      throw badArgument(`image "${name}": the sink is ${valueText(sink)} without a method "${method}"`);
  const mustReturnNothing = (value: unknown, method: string): void => {
    if (!isPromise(value)) return;
    discardPromise(value);
    throw badArgument(`image "${name}": the sink's ${method} returned a promise, it has to be synchronous`);
  };
  return {
    write: (bytes, position) => mustReturnNothing(sink.write(bytes, position), 'write'),
    zero: (position, bytes) => mustReturnNothing(sink.zero(position, bytes), 'zero'),
    readAt(into, position) {
      const bytes: unknown = sink.readAt(into, position);
      if (Number.isInteger(bytes) && (bytes as number) >= 0 && (bytes as number) <= into.length)
        return bytes as number;
      discardPromise(bytes);
      throw badArgument(
        `image "${name}": the sink's readAt returned ${valueText(bytes)}, expected 0 … ${into.length} bytes`,
      );
    },
    finish: (bytes) => sink.finish(bytes),
    abort: () => mustReturnNothing(sink.abort(), 'abort'),
  };
}

/** Abort a sink after a failure; ignore a failure of `abort`, since the first one is reported. */
export function abortQuietly(sink: PageSink): void {
  try {
    sink.abort();
  } catch {}
}
