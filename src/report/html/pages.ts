// The pages that commands write, in one file with the charts' libraries: `dist/report-page.js`.

export { renderSimulationPage } from './simulation-page.js';
export { renderPage } from './tradeoff-page.js';
