/** Totals of a run of hostile inputs; totals of shards can be added. */
export interface Tally {
  inputs: number;
  /** Inputs with the result of the reference implementation, or images equal to the originals. */
  right: number;
  /** Inputs that were refused, by status or code. */
  readonly errors: Record<string, number>;
  /** Messages of the refusals, without numbers: they show which checks the inputs reached. */
  readonly messages: Record<string, number>;
  /** From the first input to the last. */
  seconds: number;
  slowestMs: number;
  /** Inputs that took longer than a second. */
  readonly slow: string[];
}

export function emptyTally(): Tally {
  return { inputs: 0, right: 0, errors: {}, messages: {}, seconds: 0, slowestMs: 0, slow: [] };
}

export function count(counts: Record<string, number>, key: string, times = 1): void {
  counts[key] = (counts[key] ?? 0) + times;
}

export function addTally(to: Tally, more: Tally): void {
  to.inputs += more.inputs;
  to.right += more.right;
  for (const [key, times] of Object.entries(more.errors)) count(to.errors, key, times);
  for (const [key, times] of Object.entries(more.messages)) count(to.messages, key, times);
  to.slow.push(...more.slow);
  // Shards run side by side.
  to.seconds = Math.max(to.seconds, more.seconds);
  to.slowestMs = Math.max(to.slowestMs, more.slowestMs);
}

export function clockedInput(tally: Tally, name: string, ms: number): void {
  tally.inputs++;
  if (ms > 1000) tally.slow.push(name);
  tally.slowestMs = Math.max(tally.slowestMs, ms);
}

/** A message without its numbers, digests and names. */
export function messageKind(message: string): string {
  return message
    .replace(/"[^"]*"/g, '"…"')
    .replace(/\b[0-9a-f]{32}\b/g, 'digest')
    .replace(/0x[0-9a-f]+/g, '#')
    .replace(/-?\d+(\.\d+)?(e\+\d+)?/g, '#');
}
