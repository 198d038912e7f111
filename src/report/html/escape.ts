const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For HTML, in text and in attributes. */
export function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Control characters, which a file's name may have, are no text. */
export function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd');
}
