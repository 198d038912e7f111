// What an agent or a relay logs, which benches wait for.

/** Longest wait for a line. A message that has other words than the bench expects must not make it hang. */
const LIMIT_MS = 60_000;

/** Logged by an agent once it is warm. */
export const AGENT_READY = /warm-up (finished|failed)/;
/** Logged by a relay. */
export const RELAY_READY = /listening/;

/** Do as `found`. @throws after a minute too */
export function logged(child, patterns, onText) {
  let log = '';
  const all = found(child, patterns, (text) => {
    log += text;
    onText?.(text);
  });
  return within(LIMIT_MS, all, () => `${patterns.join(' and ')} in its log: ${log}`);
}

/**
 * Resolve with what `child` logs from now on (its standard error) once all `patterns` are in it. `onText`
 * gets each piece. @throws if the process ends before
 */
export function found(child, patterns, onText = () => {}) {
  let log = '';
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (text) => {
      log += text;
      onText(String(text));
      if (patterns.every((pattern) => pattern.test(log))) resolve(log);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`it exited; its log: ${log}`)));
  });
}

/** Return what `promise` does. @throws with `message()` after `limitMs` */
export async function within(limitMs, promise, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result for ${limitMs} ms: ${message()}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
