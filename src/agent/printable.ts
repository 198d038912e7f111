/** Return text of a peer for logs and errors: at most `maxCharacters`, without control characters. */
export function printable(text: string, maxCharacters: number): string {
  return text.slice(0, maxCharacters).replace(/\p{C}/gu, ' ');
}
