// @ts-check
import { verify } from '../../account/session.js';
import { action, h, textIn, toast } from '../../shared/dom.js';
import { watch } from '../../shared/events.js';
import { poll } from '../../shared/poll.js';
import { cancelRide, completeRide, getRide, startRide } from '../api.js';
import { createDriver } from '../driver.js';
import { factsOf, historyOf } from '../facts.js';
import { formatDistance, metersBetween } from '../geo.js';
import { createMap } from '../map.js';
import { problemText, sentenceOf } from '../texts.js';

/** @typedef {import('../api.js').Ride} Ride */
/** @typedef {import('../api.js').Position} Position */

/** How far a ride is in each state. @type {Readonly<Record<import('../api.js').State, number>>} */
const progress = { requested: 0, accepted: 1, started: 2, completed: 3, cancelled: 3, expired: 3 };

/** Time between two reads of a payment, ms. */
const paymentEvery = 2000;

/**
 * One ride, as its parties see it. It follows the changes (server-sent events) until the final state, and then the
 * payment until its outcome.
 * @param {import('../../shared/router.js').Visit} visit
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function rideView({ id, signal }) {
  const [{ user }, first] = await Promise.all([verify(), getRide(id)]);
  const party = first.raider_id === user.id ? 'raider' : 'user';
  /** @type {Ride} */
  let ride = first;
  /** @type {ReturnType<typeof createDriver> | undefined} */
  let driver;
  let isFollowingPayment = false;
  const following = abortedBy(signal);
  const paying = abortedBy(signal);
  const driving = abortedBy(signal);

  const badge = h('span', { id: 'ride-state' });
  const sentence = h('p', { id: 'ride-text', role: 'status' });
  const left = h('p', { class: 'soft', id: 'ride-left' });
  const facts = h('ul', { class: 'summary' });
  const history = h('ol', { class: 'timeline' });
  const map = createMap({
    label: 'Map with pickup, dropoff and the raider',
    isClose: true,
    ...(party === 'raider' ? { onPick: pick } : {}),
  });
  const start = button('Start the ride', () => startRide(id));
  const complete = button('Complete the ride', () => completeRide(id));
  const drive = h(
    'button',
    { type: 'button', class: 'quiet', 'aria-pressed': 'false', click: toggleDrive },
    'Drive to the dropoff',
  );
  const cancel = h(
    'form',
    { class: 'cancel', submit: action(sendCancel, fail) },
    h('label', {}, 'Reason', h('input', { name: 'reason', maxlength: 500, autocomplete: 'off' })),
    h('button', { type: 'submit', class: 'quiet' }, 'Cancel the ride'),
  );
  const hint = h('p', { class: 'soft' }, 'A click on the map moves you there.');
  const again = h('a', { href: '#/' }, 'Back to all rides');
  show(first);
  if (progress[first.state] < 3) watch(`/rides/${id}:watch`, { signal: following.signal, onMessage: show });

  return {
    title: 'Ride',
    content: [
      h('a', { class: 'back', href: '#/' }, '← Rides'),
      h(
        'div',
        { class: 'panel ride' },
        h('header', {}, h('h1', {}, 'Ride ', h('small', {}, id.slice(-8))), badge),
        h('div', {}, map.element, left),
        h(
          'div',
          { class: 'ride-side' },
          sentence,
          h('div', { class: 'actions' }, start, drive, complete),
          hint,
          facts,
          history,
          cancel,
          again,
        ),
      ),
    ],
  };

  /** @param {Ride} next */
  function show(next) {
    // A response that was sent before the last change may arrive after it.
    if (signal.aborted || rankOf(next) < rankOf(ride)) return;
    ride = next;
    const { state, position, payment_state: payment } = ride;
    const isFinal = progress[state] === 3;
    badge.textContent = state;
    badge.className = `state ${state}`;
    const text = sentenceOf(ride, party);
    // Screen readers announce the text when it changes.
    if (sentence.textContent !== text) sentence.textContent = text;
    facts.replaceChildren(...factsOf(ride).map(([name, value]) => h('li', {}, h('span', {}, name), value)));
    history.replaceChildren(...historyOf(ride));
    start.hidden = party !== 'raider' || state !== 'accepted';
    for (const one of [complete, drive, hint]) one.hidden = party !== 'raider' || state !== 'started';
    cancel.hidden = state !== 'requested' && state !== 'accepted';
    again.hidden = !isFinal;
    if (party === 'raider' && state === 'started') driver ??= newDriver();
    if (!driver || isFinal) showPosition(position);
    if (!isFinal) return;
    following.abort();
    driving.abort();
    if (payment !== 'pending') paying.abort();
    else followPayment();
  }

  /** @param {Position | undefined} position */
  function showPosition(position) {
    const { state, pickup, dropoff } = ride;
    map.show({ pickup, dropoff, raider: position });
    left.textContent =
      state === 'started' && position && dropoff ? `${formatDistance(metersBetween(position, dropoff))} to go` : '';
  }

  function followPayment() {
    if (isFollowingPayment) return;
    isFollowingPayment = true;
    poll(async () => show(await getRide(id)), {
      every: paymentEvery,
      signal: paying.signal,
      onError: (error) => console.warn(error),
    });
  }

  function newDriver() {
    const { pickup, dropoff, position } = ride;
    if (!pickup || !dropoff) return undefined;
    const from = position ?? pickup;
    showPosition(from);
    return createDriver({
      id,
      pickup,
      dropoff,
      from,
      signal: driving.signal,
      onMove: showPosition,
      onStop: () => setDriving(false),
      onError: fail,
    });
  }

  function toggleDrive() {
    const isOn = drive.getAttribute('aria-pressed') !== 'true';
    setDriving(isOn);
    driver?.drive(isOn);
  }
  /** @param {boolean} isOn */
  function setDriving(isOn) {
    drive.setAttribute('aria-pressed', String(isOn));
    drive.textContent = isOn ? 'Stop here' : 'Drive to the dropoff';
  }
  /** @param {Position} position */
  function pick(position) {
    setDriving(false);
    driver?.drive(false);
    driver?.goTo(position);
  }

  /**
   * @param {string} text
   * @param {() => Promise<Ride>} run
   */
  function button(text, run) {
    return h('button', { type: 'button', click: action(async () => show(await run()), fail) }, text);
  }

  async function sendCancel() {
    show(await cancelRide(id, textIn(cancel, 'reason')));
  }

  /** @param {unknown} error */
  function fail(error) {
    toast(problemText(error));
    readAgain();
  }
  /** After an error the ride may be another one than is shown. */
  function readAgain() {
    getRide(id).then(show).catch(console.warn);
  }
}

/**
 * A controller that aborts with a signal, or before it.
 * @param {AbortSignal} signal
 */
function abortedBy(signal) {
  const controller = new AbortController();
  signal.addEventListener('abort', () => controller.abort());
  return controller;
}

/** The order in which a ride's versions follow each other. @param {Ride} ride */
const rankOf = ({ state, payment_state: payment }) =>
  progress[state] * 10 + ['none', 'pending', 'unpaid', 'paid'].indexOf(payment);
