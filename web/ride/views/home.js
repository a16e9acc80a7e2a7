// @ts-check
import { isSignedIn, verify } from '../../account/session.js';
import { h } from '../../shared/dom.js';
import { places } from '../berlin.js';
import { createMap } from '../map.js';
import { bookingPart } from './booking.js';
import { openRidesPart } from './open-rides.js';
import { ridesPart } from './rides.js';

/**
 * What the account's roles allow: to book rides, to accept them, or both; and the account's rides.
 * @param {import('../../shared/router.js').Visit} visit
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function homeView({ signal }) {
  if (!isSignedIn()) return welcome();
  const { user } = await verify();
  const parts = [
    user.roles.includes('user') && bookingPart(),
    user.roles.includes('raider') && openRidesPart(signal),
  ].filter((part) => part !== false);
  if (parts.length === 0)
    return {
      title: 'Rides',
      content: [
        h('h1', {}, 'No role for rides'),
        h('p', {}, 'This account is neither a user nor a raider. An administrator can grant it one of these roles.'),
      ],
    };
  const title = !user.roles.includes('raider')
    ? 'Where to?'
    : user.roles.includes('user')
      ? 'Rides'
      : 'Who needs a ride?';
  return { title, content: [h('h1', {}, title), ...parts, await ridesPart()] };
}

/** @returns {import('../../shared/router.js').View} */
function welcome() {
  const map = createMap({ label: 'A sketch of Berlin with a ride on it' });
  const [pickup, dropoff] = places;
  map.show({ pickup, dropoff, raider: { latitude: 52.5238, longitude: 13.3894 } });
  return {
    title: 'The bike taxi',
    content: [
      h(
        'div',
        { class: 'welcome' },
        h(
          'div',
          {},
          h('h1', {}, 'Across the city, by bike'),
          h('p', {}, 'Book in one window, accept in another, and watch the ride in both.'),
          h(
            'p',
            { class: 'actions' },
            h('a', { class: 'button', href: '#/sign-up?role=user' }, 'Book rides'),
            h('a', { class: 'button', href: '#/sign-up?role=raider' }, 'Give rides'),
          ),
        ),
        map.element,
      ),
    ],
  };
}
