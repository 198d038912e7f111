/** Control characters, Unicode's line and paragraph separators, and marks of text direction. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Return `text` with control characters as `\u001b`, so that a name cannot drive a terminal or look like a
 * line of a report. The form is JSON's own, so that JSON texts stay valid. Line ends are kept unless
 * `isOneLine` is given.
 */
export function printable(text: string, { isOneLine = false } = {}): string {
  return text.replace(UNPRINTABLE, (character) =>
    character === '\n' && !isOneLine
      ? character
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
