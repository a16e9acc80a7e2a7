// @ts-check
import { canShowPassword, onSubmit, say, show, takeToken } from './form.js';
import { call, isSignedIn, Problem } from './session.js';

const token = takeToken();
const badLink = 'This link is invalid, has expired, or was already used. Sign in and request a new one.';

onSubmit(
  'verify',
  async (input) => {
    try {
      await call('POST', '/auth/email/verify', { token, password: input.value });
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'INVALID_LINK') throw error;
      show('');
      say('error', badLink);
      return;
    }
    input.value = '';
    verified();
  },
  { INVALID_CREDENTIALS: () => 'The password is not that of the account to which the mail belongs.' },
);

canShowPassword('show-password', 'password');

if (token === '') say('error', 'This page needs the link from the mail. Open the link again.');
else if (isSignedIn()) await confirmInSession();
else show('verify');

/** Verifies in the session of this browser. Asks for the password if there is no session, or that of another account. */
async function confirmInSession() {
  try {
    await call('POST', '/auth/email/confirm', { token });
    verified();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show('verify');
    // The session may have ended: then the password alone is needed.
    if (error.code === 'INVALID_LINK')
      say('error', 'This link does not belong to the account that is signed in here, or it is no longer valid.');
    else if (error.status !== 401 && error.status !== 403) say('error', error.message);
  }
}

function verified() {
  show('');
  say('success', 'The email address is verified. You can close this page.');
}
