// @ts-check
import { poll } from '../shared/poll.js';
import { updatePosition } from './api.js';
import { metersBetween, stepTowards } from './geo.js';

/** @typedef {import('./api.js').Position} Position */

/** Time between two positions, ms: the API drops one that follows within a second. */
const every = 1050;

/** Steps of a whole ride. */
const steps = 20;

/**
 * Moves the raider of a started ride: to the place of a click, or by itself along the line to the dropoff.
 * @param {object} options
 * @param {string} options.id the ride's
 * @param {Position} options.pickup
 * @param {Position} options.dropoff
 * @param {Position} options.from where the raider is
 * @param {AbortSignal} options.signal ends the driving
 * @param {(position: Position) => void} options.onMove runs before a position is sent
 * @param {() => void} options.onStop runs when the drive has arrived, or failed
 * @param {(error: unknown) => void} options.onError
 * @returns {{ goTo(position: Position): void, drive(isOn: boolean): void }}
 */
export function createDriver({ id, pickup, dropoff, from, signal, onMove, onStop, onError }) {
  const stride = Math.max(30, metersBetween(pickup, dropoff) / steps);
  let here = from;
  /** @type {Position | undefined} */
  let clicked;
  let isDriving = false;

  async function move() {
    const next = clicked ?? (isDriving ? stepTowards(here, dropoff, stride) : undefined);
    clicked = undefined;
    if (!next) return;
    here = next;
    onMove(here);
    await updatePosition(id, here);
    if (isDriving && metersBetween(here, dropoff) < 1) stop();
  }
  function stop() {
    isDriving = false;
    onStop();
  }
  poll(move, {
    every,
    signal,
    onError(error) {
      stop();
      onError(error);
    },
  });
  return {
    goTo(position) {
      clicked = position;
      onMove(position);
    },
    drive(isOn) {
      // The next run starts the drive: a position that is sent at once might be dropped.
      isDriving = isOn;
    },
  };
}
