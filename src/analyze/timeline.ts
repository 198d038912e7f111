// The engine's timeline, for reports: they read what was measured and import nothing of the engine.
export { STAGES, type TimelineRow } from '../engine/encode/timeline-row.js';
