// Checks of input and output paths that need more than one option, before any work begins.
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isatty } from 'node:tty';
import { STDOUT_FD } from '../image/fs/output-target.js';
import { UsageError } from './usage-error.js';

/** @throws UsageError when `output` would fill a terminal with bytes or is one of the inputs */
export function checkOutput(output: string, inputs: readonly string[]): void {
  if (output === '-' && isatty(STDOUT_FD))
    throw new UsageError('-o -: standard output is a terminal; redirect it or write a file name');
  if (output !== '-' && existsSync(output) && statSync(output).isFile() && isAmong(output, inputs))
    throw new UsageError(`-o ${output}: is also an input`);
}

/** @throws UsageError when images written to the directory `output` could replace an input */
export function checkImageDirectory(output: string, inputs: readonly string[]): void {
  if (output === '-' || !existsSync(output) || !statSync(output).isDirectory()) return;
  const directory = realpathSync(output);
  for (const input of inputs) {
    if (input === '-' || !existsSync(input)) continue;
    const real = realpathSync(input);
    if (dirname(real) === directory && /^\d+\.raw$/.test(basename(real)))
      throw new UsageError(`-o ${output}: an image could replace the input ${input}; name another directory`);
  }
}

/** @throws UsageError when the HTML page would replace an input */
export function checkPage(page: string | undefined, inputs: readonly string[]): void {
  if (page !== undefined && isAmong(page, inputs)) throw new UsageError(`--html ${page}: is also an input`);
}

/** @throws UsageError when the timeline would replace an input or the packed file */
export function checkExplain(path: string, others: readonly string[]): void {
  if (others.includes(path) || isAmong(path, others))
    throw new UsageError(`--explain ${path}: is also an input or the output`);
}

/** @throws UsageError when standard input is named twice: it can be read only once */
export function checkInputs(inputs: readonly string[]): void {
  if (inputs.filter((input) => input === '-').length > 1)
    throw new UsageError('-: standard input is given more than once');
}

function isAmong(output: string, inputs: readonly string[]): boolean {
  if (!existsSync(output)) return false;
  const real = realpathSync(output);
  return inputs.some((input) => input !== '-' && existsSync(input) && realpathSync(input) === real);
}
