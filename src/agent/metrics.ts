import type { CodecCounts } from '../engine/frame/counters.js';
import { addCounts, emptyCounts } from '../engine/frame/counters.js';
import type { ForecastLine } from './forecast-line.js';

/** Counts of one migration so far. */
interface MigrationCounts {
  /** Bytes of QEMU's migration stream. */
  readonly streamBytes: number;
  /** Bytes of frame bodies on the wire. */
  readonly wireBytes: number;
  readonly pages: number;
  readonly codecs: CodecCounts;
}

/** Measurements of the link of one migration. */
export interface Link {
  readonly bitsPerSecond: number;
  readonly inFlightBytes: number;
}

/** One observation of a migration in progress; only a source measures its link. */
export interface MigrationSample extends MigrationCounts {
  readonly link?: Link;
  readonly forecast?: ForecastLine | undefined;
}

/** A migration in progress, as its session reports it. */
export interface MeteredMigration {
  /** Read the counts from `sample` at every scrape, until `end`. */
  observe(sample: () => MigrationSample): void;
  /** Add the final counts to the totals, and release `sample`. */
  end(result: 'completed' | 'failed'): void;
}

/** Counts of an agent over all its migrations, as Prometheus metrics. */
export class AgentMetrics {
  completed = 0;
  failed = 0;
  private readonly running = new Set<{ sample?: () => MigrationSample }>();
  private readonly ended = { streamBytes: 0, wireBytes: 0, pages: 0, codecs: emptyCounts() };

  get inProgress(): number {
    return this.running.size;
  }

  begin(): MeteredMigration {
    const entry: { sample?: () => MigrationSample } = {};
    this.running.add(entry);
    return {
      observe: (sample) => {
        entry.sample = sample;
      },
      end: (result) => {
        this[result]++;
        if (entry.sample) add(this.ended, entry.sample());
        this.running.delete(entry);
      },
    };
  }

  /** Return all metrics in Prometheus' text format, version 0.0.4. */
  text(role: string): string {
    const total = { ...this.ended, codecs: emptyCounts() };
    addCounts(total.codecs, this.ended.codecs);
    const links: Link[] = [];
    const forecasts: ForecastLine[] = [];
    for (const { sample } of this.running) {
      if (!sample) continue;
      const { link, forecast, ...counts } = sample();
      add(total, counts);
      if (link) links.push(link);
      if (forecast) forecasts.push(forecast);
    }
    const text = new MetricsText(role);
    text.put('migrations_in_progress', 'gauge', 'Migrations in progress.', ['', this.inProgress]);
    const results = (['completed', 'failed'] as const).map(
      (result) => [`,result="${result}"`, this[result]] as const,
    );
    text.put('migrations_total', 'counter', 'Migrations that ended.', ...results);
    putCounts(text, total);
    if (role === 'source') {
      putCodecs(text, total.codecs);
      putLinks(text, links);
      putForecasts(text, forecasts);
    }
    return text.end();
  }
}

/** Values of one metric: labels after that of the role, and the number. */
type MetricValue = readonly [labels: string, value: number];

/** Builds a text of metrics. */
class MetricsText {
  private readonly lines: string[] = [];

  constructor(private readonly role: string) {}

  put(name: string, type: 'counter' | 'gauge', help: string, ...values: readonly MetricValue[]): void {
    this.lines.push(`# HELP pageferry_${name} ${help}`, `# TYPE pageferry_${name} ${type}`);
    for (const [labels, value] of values)
      this.lines.push(`pageferry_${name}{role="${this.role}"${labels}} ${value}`);
  }

  end(): string {
    return `${this.lines.join('\n')}\n`;
  }
}

function putCounts(text: MetricsText, { streamBytes, wireBytes, pages }: MigrationCounts): void {
  text.put('stream_bytes_total', 'counter', "Bytes of QEMU's migration streams.", ['', streamBytes]);
  text.put('wire_bytes_total', 'counter', 'Bytes between the agents.', ['', wireBytes]);
  text.put('pages_total', 'counter', 'Pages of guest memory.', ['', pages]);
}

function putCodecs(text: MetricsText, codecs: CodecCounts): void {
  const used = Object.entries(codecs).filter(([, { pages }]) => pages > 0);
  const values = used.map(([name, { pages }]): MetricValue => [`,codec="${name}"`, pages]);
  text.put('codec_pages_total', 'counter', 'Pages by codec.', ...values);
}

function putLinks(text: MetricsText, links: readonly Link[]): void {
  const sum = (key: keyof Link) => links.reduce((total, link) => total + link[key], 0);
  const rateHelp = 'Measured link rate; 0 without a migration.';
  text.put('link_bits_per_second', 'gauge', rateHelp, ['', Math.round(sum('bitsPerSecond'))]);
  text.put('in_flight_bytes', 'gauge', 'Bytes sent and not acked.', ['', sum('inFlightBytes')]);
}

/** Add the forecasts of migrations in progress: the latest end, the longest downtime. */
function putForecasts(text: MetricsText, forecasts: readonly ForecastLine[]): void {
  if (forecasts.length === 0) return;
  const maxSeconds = (key: 'remainingMs' | 'downtimeMs') =>
    Math.max(...forecasts.map((line) => line[key])) / 1000;
  const diverging = forecasts.filter(({ converges }) => converges === false).length;
  text.put('forecast_remaining_seconds', 'gauge', 'Expected time to the end.', [
    '',
    maxSeconds('remainingMs'),
  ]);
  text.put('forecast_downtime_seconds', 'gauge', 'Expected downtime.', ['', maxSeconds('downtimeMs')]);
  text.put('forecast_diverging', 'gauge', 'Migrations that do not converge.', ['', diverging]);
}

function add(
  total: { streamBytes: number; wireBytes: number; pages: number; codecs: CodecCounts },
  more: MigrationCounts,
): void {
  total.streamBytes += more.streamBytes;
  total.wireBytes += more.wireBytes;
  total.pages += more.pages;
  addCounts(total.codecs, more.codecs);
}
