// Legends of the charts.

/** Return a list of legend items; empty without items. `items`: HTML. */
export function legendList(items: readonly string[]): string {
  return items.length > 0
    ? `<ul class="legend">${items.map((item) => `<li>${item}</li>`).join('')}</ul>`
    : '';
}

/** Return a filled square. `attributes`: of its SVG rectangle, such as its fill. */
export function filledSwatch(attributes: string): string {
  return `<svg class="swatch filled" viewBox="0 0 14 14" aria-hidden="true"><rect width="14" height="14" ${attributes}/></svg>`;
}

/** Return a symbol. `shape`: SVG elements in a square of 14 units. */
export function swatch(shape: string): string {
  return `<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">${shape}</svg>`;
}
