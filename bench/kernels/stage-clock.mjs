// A clock that knows which stage is at work. Stages nest: while an inner one runs, the outer one's time
// stands still. Reading the time takes time itself, about as long as a small stage: what that is, is measured
// when the clock is made and taken off every stage.

export class StageClock {
  /** Milliseconds by stage, without what is nested in it. */
  ms = new Map();
  /** How often a stage was entered, and how often another was entered from it. */
  #entered = new Map();
  #left = new Map();
  #outer = [];
  #stage;
  #since = 0;

  /** Starts anew, in a stage that stands for all that is in no other. */
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

  /** Back to the stage outside; returns the milliseconds since the last change. */
  exit() {
    const now = performance.now();
    const ms = now - this.#since;
    this.ms.set(this.#stage, (this.ms.get(this.#stage) ?? 0) + ms);
    this.#stage = this.#outer.pop();
    this.#since = now;
    return ms;
  }

  /** Gives time that one stage had to another. */
  move(ms, from, to) {
    this.ms.set(from, this.ms.get(from) - ms);
    this.ms.set(to, (this.ms.get(to) ?? 0) + ms);
    this.#entered.set(from, this.#entered.get(from) - 1);
    this.#entered.set(to, (this.#entered.get(to) ?? 0) + 1);
  }

  /** Ends; gives each stage's own milliseconds, and those that the clock itself took. */
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

  /** What one stage within another takes of the inner and of the outer one's time when both do nothing. */
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

  /** A function or method that is a stage. */
  wrap(stage, work) {
    const clock = this;
    return function (a, b, c, d, e, f) {
      clock.enter(stage);
      try {
        return work.call(this, a, b, c, d, e, f);
      } finally {
        clock.exit();
      }
    };
  }

  /** Makes a method of an object a stage, on this one object only. */
  patch(object, name, stage) {
    object[name] = this.wrap(stage, object[name]);
  }
}
