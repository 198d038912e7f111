import { escapeHtml } from './escape.js';
import { STYLE } from './style.js';

/** Nothing may be loaded or run, whatever names from outside contain. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** Parts of a page: title as text, the rest as HTML. */
export interface PageParts {
  readonly title: string;
  readonly main: string;
  readonly foot: string;
}

/** Return a self-contained HTML page: no network, no script. */
export function htmlPage({ title, main, foot }: PageParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
</main>
${foot}
</body>
</html>
`;
}

/** Return the footer: how the report was made. */
export function footer(facts: readonly (readonly [name: string, value: string])[], after = ''): string {
  const items = facts.map(
    ([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<footer><h2>About this report</h2><dl>${items.join('')}</dl>${after}</footer>`;
}

/** Return a table that scrolls horizontally in its own box. */
export function scrollTable(label: string, head: readonly string[], body: string): string {
  const cells = head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('');
  return `<div class="scroll" role="region" tabindex="0" aria-label="${escapeHtml(label)}"><table><thead><tr>${cells}</tr></thead>${body}</table></div>`;
}
