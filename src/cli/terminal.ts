// Everything the program prints goes through here, so that no file name can drive the terminal.
import { once } from 'node:events';
import { printable } from '../report/terminal/printable.js';

const PRINTED_LENGTH = 64 << 10;

/** Print lines on standard output. Control characters other than line ends are escaped. */
export function printOut(text: string): void {
  process.stdout.write(printable(text));
}

/** Print a long text in pieces on standard output, as fast as it is read. */
export async function printPieces(pieces: Iterable<string>): Promise<void> {
  let text = '';
  const print = async () => {
    const isTaken = process.stdout.write(printable(text));
    text = '';
    if (!isTaken) await once(process.stdout, 'drain');
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
