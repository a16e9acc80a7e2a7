// @ts-check
import { onSessionChange } from '../account/session.js';
import { startRouter } from '../shared/router.js';
import { signInView, signUpView } from '../shared/sign-in.js';
import { showAccount } from './account.js';
import { homeView } from './views/home.js';
import { rideView } from './views/ride.js';

/** @type {[role: string, text: string][]} */
const roles = [
  ['user', 'Book rides'],
  ['raider', 'Give rides, as a raider'],
];

showAccount();
const showAgain = startRouter({
  name: 'Signet Ride',
  home: 'Rides',
  routes: [
    [/^\/$/, homeView],
    [/^\/rides\/([\da-f-]{36})$/, rideView],
    [/^\/sign-in$/, signInView],
    [/^\/sign-up$/, (visit) => signUpView(visit, roles)],
  ],
});
onSessionChange(() => {
  showAccount();
  // The forms lead to the next view themselves.
  if (!location.hash.startsWith('#/sign-')) showAgain();
});
