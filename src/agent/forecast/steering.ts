import { asError } from '../as-error.js';
import type { MessageLog } from '../log.js';
import type { QemuMonitor } from '../qmp/monitor.js';
import { type Action, decide, type MigrationLimits } from './decide.js';
import type { Forecast } from './forecast.js';

/** Throttling by auto-converge, once it is needed: QEMU's defaults take effect too slowly. */
const THROTTLE = { 'cpu-throttle-initial': 40, 'cpu-throttle-increment': 20 };

/** Acts on QEMU when a forecast does not meet the limits: each kind of action once. */
export class Steering {
  private readonly done = new Set<Action['kind']>();
  private limitMs = 0;
  private capabilities: ReadonlySet<string> = new Set();

  private constructor(
    private readonly monitor: QemuMonitor,
    private readonly limits: MigrationLimits,
    private readonly log: MessageLog,
  ) {}

  /** Read QEMU's settings, and lower its downtime limit to the operator's. @throws PageferryError */
  static async begin(monitor: QemuMonitor, limits: MigrationLimits, log: MessageLog): Promise<Steering> {
    const steering = new Steering(monitor, limits, log);
    steering.capabilities = await monitor.capabilities();
    steering.limitMs = await monitor.downtimeLimitMs();
    const { maxDowntimeMs } = limits;
    if (maxDowntimeMs !== undefined && maxDowntimeMs < steering.limitMs) {
      await monitor.setParameters({ 'downtime-limit': maxDowntimeMs });
      log(
        'info',
        `downtime-limit of QEMU lowered from ${steering.limitMs} to ${maxDowntimeMs} ms (--max-downtime)`,
      );
      steering.limitMs = maxDowntimeMs;
    }
    return steering;
  }

  /** QEMU's downtime limit, in ms. */
  get downtimeLimitMs(): number {
    return this.limitMs;
  }

  /** Act on a forecast, where it is needed and limits were given. */
  async act(
    forecast: Forecast,
    isFirstRoundOver: boolean,
    withLimit: (downtimeLimitMs: number) => Forecast,
  ): Promise<void> {
    const { limits, capabilities } = this;
    if ((limits.maxTotalMs ?? limits.maxDowntimeMs) === undefined || this.done.has('post-copy')) return;
    const controls = {
      ...{ downtimeLimitMs: this.limitMs, isFirstRoundOver },
      hasPostcopy: capabilities.has('postcopy-ram'),
      hasAutoConverge: capabilities.has('auto-converge'),
    };
    const action = decide(forecast, limits, controls, withLimit);
    if (!action || this.done.has(action.kind)) return;
    this.done.add(action.kind);
    try {
      await this.perform(action);
    } catch (cause) {
      this.log('warn', `${action.reason}; QEMU did not accept ${action.kind}: ${asError(cause).message}`);
    }
  }

  private async perform(action: Action): Promise<void> {
    const { monitor, log } = this;
    switch (action.kind) {
      case 'downtime-limit':
        await monitor.setParameters({ 'downtime-limit': action.ms });
        log(
          'info',
          `downtime-limit of QEMU raised from ${this.limitMs} to ${action.ms} ms: ${action.reason}`,
        );
        this.limitMs = action.ms;
        return;
      case 'post-copy':
        await monitor.startPostcopy();
        return log('info', `post-copy started: ${action.reason}`);
      case 'throttle':
        await monitor.setParameters(THROTTLE);
        return log('info', `auto-converge throttles the guest faster: ${action.reason}`);
      case 'none':
        return log('warn', action.reason);
    }
  }
}
