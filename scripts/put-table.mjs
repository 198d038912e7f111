import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Replace the text between `<!-- name -->` and `<!-- /name -->`. @throws Error when the document lacks them
 */
export function put(file, name, text) {
  const content = readFileSync(file, 'utf8');
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [content.indexOf(start), content.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file}: no ${start} … ${end}`);
  writeFileSync(file, `${content.slice(0, from + start.length)}\n${text}\n${content.slice(to)}`);
}
