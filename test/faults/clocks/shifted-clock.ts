// node --import=<this file>?edge=8000&auth=-8000: sets the clock of a service's process ahead by that many milliseconds, or
// behind. The monotonic clock and timers go on, as on a machine whose clock is wrong.
import path from 'node:path';

const service = path.basename(path.dirname(process.argv[1] ?? ''));
const shift = Number(new URL(import.meta.url).searchParams.get(service) ?? 0);
const Real = Date;

class ShiftedDate extends Real {
  constructor(...given: [] | ConstructorParameters<DateConstructor>) {
    if (given.length === 0) super(Real.now() + shift);
    else super(...given);
  }

  static override now(): number {
    return Real.now() + shift;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
