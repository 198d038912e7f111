import { valueText } from './checked-source.js';
import { PageferryError } from './error.js';

/**
 * Check that the option `signal` is an AbortSignal of any realm, or undefined.
 * @throws PageferryError `bad-argument`
 */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function') return;
  throw new PageferryError('bad-argument', `signal: expected an AbortSignal, got ${valueText(signal)}`);
}
