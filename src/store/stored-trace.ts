import { bytesSink } from '../image/memory.js';
import { PageferryError } from '../page/error.js';
import type { Store } from './store.js';
import { MAX_TRACE_BYTES, parseTrace, type Trace, traceOf } from './trace.js';

/**
 * Return the trace that belongs to the snapshot `name` (NAME.trace), if there is one. @throws PageferryError
 */
export async function storedTrace(store: Store, name: string): Promise<Trace | undefined> {
  const traceName = `${name}.trace`;
  if (!store.has(traceName) || !store.has(name)) return undefined;
  const { bytes, belongsTo } = store.info(traceName);
  if (belongsTo !== name) return undefined;
  if (bytes > MAX_TRACE_BYTES)
    throw new PageferryError(
      'limit',
      `${traceName}: a trace of ${bytes} bytes, more than ${MAX_TRACE_BYTES}`,
    );
  const sink = bytesSink();
  await store.get(traceName, sink);
  const trace = parseTrace(new TextDecoder().decode(sink.take()), traceName);
  return traceOf(trace, name, store.info(name).bytes);
}
