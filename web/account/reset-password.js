// @ts-check
import { canShowPassword, onSubmit, say, show, takeToken } from './form.js';
import { call, forgetSession, Problem } from './session.js';

const token = takeToken();

onSubmit(
  'set',
  async (input) => {
    try {
      await call('POST', '/auth/password/reset', { token, new_password: input.value });
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'INVALID_LINK') throw error;
      show('request');
      say('error', 'This link is invalid, has expired, or was already used. Request a new one.');
      return;
    }
    input.value = '';
    // The reset has ended every session of the account.
    forgetSession();
    show('');
    say('success', 'The new password is set, and all sessions have ended. Sign in with the new password.');
  },
  { PASSWORD_REJECTED: ({ errors: [reason] }) => `The password ${reason?.description ?? 'is not accepted'}.` },
);

onSubmit(
  'request',
  async (input) => {
    await call('POST', '/auth/password/reset-request', { email: input.value });
    show('');
    say(
      'success',
      'If an account has this address, a mail with a link is on its way. The link is valid for 30 minutes.',
    );
  },
  {},
);

canShowPassword('show-password', 'new-password');
show(token === '' ? 'request' : 'set');
