// Everything the program prints goes through here, so that no file name can drive the terminal.
import { once } from 'node:events';
import { isClosedByReader, systemReason } from '../image/fs/errno.js';
import { printable } from '../report/terminal/printable.js';

const PRINTED_LENGTH = 64 << 10;

let isReportOpen = false;

/**
 * Return the stream of standard output. Opened with the first line: Node makes a pipe non-blocking when it
 * opens its stream, and a packed stream on it would then be written by trying again and again.
 */
function reportOutput(): NodeJS.WriteStream {
  const { stdout } = process;
  if (isReportOpen) return stdout;
  isReportOpen = true;
  // What reads the report may close the pipe early, as `head` does; that is a failure without a message.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isClosedByReader(error))
      printErrorLine(`pageferry: standard output: cannot write: ${systemReason(error)}`);
    process.exitCode ??= 1;
  });
  return stdout;
}

/** Print lines on standard output. Control characters other than line ends are escaped. */
export function printOut(text: string): void {
  reportOutput().write(printable(text));
}

/** Print a long text in pieces on standard output, as fast as it is read. */
export async function printPieces(pieces: Iterable<string>): Promise<void> {
  let text = '';
  const print = async () => {
    const output = reportOutput();
    const isTaken = output.write(printable(text));
    text = '';
    if (!isTaken) await once(output, 'drain');
  };
  for (const piece of pieces) {
    text += piece;
    if (text.length >= PRINTED_LENGTH) await print();
  }
  await print();
}

/** Print lines on standard error. Control characters other than line ends are escaped. */
export function printError(text: string): void {
  process.stderr.write(printable(text));
}

/** Print one line on standard error; line ends inside it are escaped too. */
export function printErrorLine(line: string): void {
  process.stderr.write(`${printable(line, { isOneLine: true })}\n`);
}

/** Replace the progress line of a terminal; an empty text removes it. */
export function showProgressLine(text: string): void {
  process.stderr.write(`\r\x1b[K${printable(text, { isOneLine: true })}`);
}

/** Standard output, or standard error where standard output holds the data itself. */
export function reportStream(outputPath: string | undefined): (text: string) => void {
  return outputPath === '-' ? printError : printOut;
}
