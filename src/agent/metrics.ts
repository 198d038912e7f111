import type { LinkView } from './stats.js';

/** What an agent's migration in work has come to. */
export interface MigrationView {
  readonly bytesIn: number;
  readonly pages: number;
  readonly bytesOut: number;
  readonly sentBytes: number;
  readonly link: LinkView;
  readonly codecs: Readonly<Record<string, { readonly pages: number; readonly bytes: number }>>;
}

/** Counts of an agent over all its migrations, for whoever asks. */
export class AgentMetrics {
  active = 0;
  completed = 0;
  failed = 0;
  private view: (() => MigrationView) | undefined;

  /** Whom to ask about the migration in work. */
  watch(view: () => MigrationView): void {
    this.view = view;
  }

  /** In Prometheus' text format (version 0.0.4). */
  text(role: string): string {
    const lines: string[] = [];
    const put = (
      name: string,
      type: 'counter' | 'gauge',
      help: string,
      values: readonly (readonly [string, number])[],
    ) => {
      lines.push(`# HELP pageferry_${name} ${help}`, `# TYPE pageferry_${name} ${type}`);
      for (const [labels, value] of values) lines.push(`pageferry_${name}{role="${role}"${labels}} ${value}`);
    };
    put('migrations_active', 'gauge', 'Migrations under way.', [['', this.active]]);
    put('migrations_total', 'counter', 'Migrations that ended.', [
      [',result="completed"', this.completed],
      [',result="failed"', this.failed],
    ]);
    const view = this.view?.();
    if (view) {
      put('bytes_in', 'gauge', 'Bytes of the last migration, as QEMU has them.', [['', view.bytesIn]]);
      put('bytes_out', 'gauge', 'Bytes of the last migration on the wire.', [['', view.sentBytes]]);
      put('pages', 'gauge', 'Pages of the last migration.', [['', view.pages]]);
      put('link_bits_per_second', 'gauge', 'The link as it is measured.', [
        ['', Math.round(view.link.bitsPerSecond)],
      ]);
      put('queue_bytes', 'gauge', 'Bytes under way.', [['', view.link.queueBytes]]);
      const used = Object.entries(view.codecs).filter(([, { pages }]) => pages > 0);
      put(
        'codec_pages',
        'gauge',
        'Pages of the last migration by codec.',
        used.map(([name, { pages }]) => [`,codec="${name}"`, pages] as const),
      );
    }
    return `${lines.join('\n')}\n`;
  }
}
