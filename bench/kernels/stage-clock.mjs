// Accounts time to stages. Stages nest: while an inner one runs, the outer one's time is paused. Reading the
// clock takes about as long as a small stage; that cost is measured by `calibrate` and subtracted.

export class StageClock {
  /** Milliseconds by stage, without nested stages. */
  ms = new Map();
  /** Counts by stage: entries, and entries of other stages from it. */
  #entered = new Map();
  #left = new Map();
  #outer = [];
  #stage;
  #since = 0;

  /** Reset, and enter the outermost stage, which receives all time of no other stage. */
  start(stage) {
    for (const map of [this.ms, this.#entered, this.#left]) map.clear();
    this.#outer = [];
    this.#stage = stage;
    this.#since = performance.now();
  }

  get stage() {
    return this.#stage;
  }

  enter(stage) {
    const outer = this.#stage;
    this.#entered.set(stage, (this.#entered.get(stage) ?? 0) + 1);
    this.#left.set(outer, (this.#left.get(outer) ?? 0) + 1);
    this.#outer.push(outer);
    this.#stage = stage;
    const now = performance.now();
    this.ms.set(outer, (this.ms.get(outer) ?? 0) + now - this.#since);
    this.#since = now;
  }

  /** Return to the outer stage; returns the milliseconds since the last change. */
  exit() {
    const now = performance.now();
    const ms = now - this.#since;
    this.ms.set(this.#stage, (this.ms.get(this.#stage) ?? 0) + ms);
    this.#stage = this.#outer.pop();
    this.#since = now;
    return ms;
  }

  /** Move time from one stage to another. */
  move(ms, from, to) {
    this.ms.set(from, this.ms.get(from) - ms);
    this.ms.set(to, (this.ms.get(to) ?? 0) + ms);
    this.#entered.set(from, this.#entered.get(from) - 1);
    this.#entered.set(to, (this.#entered.get(to) ?? 0) + 1);
  }

  /** Stop; return each stage's milliseconds and those of the clock. */
  finish({ inside, outside } = this.cost) {
    const now = performance.now();
    this.ms.set(this.#stage, (this.ms.get(this.#stage) ?? 0) + now - this.#since);
    const stages = new Map();
    let clockMs = 0;
    for (const [stage, ms] of this.ms) {
      const own = inside * (this.#entered.get(stage) ?? 0) + outside * (this.#left.get(stage) ?? 0);
      clockMs += own;
      stages.set(stage, ms - own);
    }
    return { stages, clockMs };
  }

  /** Measure the cost of a nested stage that does nothing, inside it and outside it. */
  calibrate(times = 200_000) {
    const nothing = this.wrap('inner', () => 0);
    for (let round = 0; round < 3; round++) {
      this.start('outer');
      for (let i = 0; i < times; i++) nothing();
      this.finish({ inside: 0, outside: 0 });
      this.cost = { inside: this.ms.get('inner') / times, outside: this.ms.get('outer') / times };
    }
    return this;
  }

  /** Return a function that runs `work` as a stage. */
  wrap(stage, work) {
    const clock = this;
    return function (a, b, c, d, e, f, g) {
      clock.enter(stage);
      try {
        return work.call(this, a, b, c, d, e, f, g);
      } finally {
        clock.exit();
      }
    };
  }

  /** Replace a method of one object by the same method as a stage. */
  patch(object, name, stage) {
    if (typeof object[name] !== 'function')
      throw new Error(`stages: the engine has no method ${name} any more`);
    object[name] = this.wrap(stage, object[name]);
  }
}
