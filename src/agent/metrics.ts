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

/** One observation of a migration in progress; only a source measures its link. */
export interface MigrationSample extends MigrationCounts {
  readonly link?: { readonly bitsPerSecond: number; readonly inFlightBytes: number };
  readonly forecast?: ForecastLine | undefined;
}

/** A migration in progress, as its session reports it. */
export interface MeteredMigration {
  /** Read the counts from `sample` at every scrape, until `end`. */
  observe(sample: () => MigrationSample): void;
  /** Add the final counts to the totals, and release `sample`. */
  end(result: 'completed' | 'failed'): void;
}

type MetricType = 'counter' | 'gauge';

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

  /** Prometheus text format, version 0.0.4. */
  text(role: string): string {
    const lines: string[] = [];
    const put = (
      name: string,
      type: MetricType,
      help: string,
      ...values: readonly (readonly [string, number])[]
    ) => {
      lines.push(`# HELP pageferry_${name} ${help}`, `# TYPE pageferry_${name} ${type}`);
      for (const [labels, value] of values) lines.push(`pageferry_${name}{role="${role}"${labels}} ${value}`);
    };
    const total = { ...this.ended, codecs: emptyCounts() };
    addCounts(total.codecs, this.ended.codecs);
    const links: NonNullable<MigrationSample['link']>[] = [];
    const forecasts: ForecastLine[] = [];
    for (const { sample } of this.running) {
      if (!sample) continue;
      const { link, forecast, ...counts } = sample();
      add(total, counts);
      if (link) links.push(link);
      if (forecast) forecasts.push(forecast);
    }
    put('migrations_in_progress', 'gauge', 'Migrations in progress.', ['', this.inProgress]);
    put(
      'migrations_total',
      'counter',
      'Migrations that ended.',
      [',result="completed"', this.completed],
      [',result="failed"', this.failed],
    );
    put('stream_bytes_total', 'counter', "Bytes of QEMU's migration streams.", ['', total.streamBytes]);
    put('wire_bytes_total', 'counter', 'Bytes between the agents.', ['', total.wireBytes]);
    put('pages_total', 'counter', 'Pages of guest memory.', ['', total.pages]);
    if (role === 'source') {
      const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
      const codecs = Object.entries(total.codecs).filter(([, { pages }]) => pages > 0);
      put(
        'codec_pages_total',
        'counter',
        'Pages by codec.',
        ...codecs.map(([name, { pages }]) => [`,codec="${name}"`, pages] as const),
      );
      const bits = Math.round(sum(links.map(({ bitsPerSecond }) => bitsPerSecond)));
      put('link_bits_per_second', 'gauge', 'Measured link rate; 0 without a migration.', ['', bits]);
      const inFlight = sum(links.map(({ inFlightBytes }) => inFlightBytes));
      put('in_flight_bytes', 'gauge', 'Bytes sent and not acked.', ['', inFlight]);
      putForecasts(put, forecasts);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** The forecasts of migrations in progress: the latest end, the longest downtime. */
function putForecasts(
  put: (name: string, type: MetricType, help: string, value: readonly [string, number]) => void,
  forecasts: readonly ForecastLine[],
): void {
  if (forecasts.length === 0) return;
  const most = (key: 'remainingMs' | 'downtimeMs') => Math.max(...forecasts.map((line) => line[key])) / 1000;
  put('forecast_remaining_seconds', 'gauge', 'Expected time to the end.', ['', most('remainingMs')]);
  put('forecast_downtime_seconds', 'gauge', 'Expected downtime.', ['', most('downtimeMs')]);
  const diverging = forecasts.filter(({ converges }) => converges === false).length;
  put('forecast_diverging', 'gauge', 'Migrations that do not converge.', ['', diverging]);
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
