const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for HTML content and attributes. */
export function escapeHtml(text: string): string {
  return replaceControls(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Replace control characters, which file names may contain. */
export function replaceControls(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd');
}
