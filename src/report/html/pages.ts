// HTML pages of the commands, bundled with the chart libraries as `dist/report-page.js`.

export { renderSimulationPage } from './simulation-page.js';
export { renderPage } from './tradeoff-page.js';
