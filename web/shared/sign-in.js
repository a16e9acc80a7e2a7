// @ts-check
import { register, signIn } from '../account/session.js';
import { action, h, textIn } from './dom.js';
import { textOf } from './problems.js';

/** @typedef {import('./router.js').Visit} Visit */
/** @typedef {import('./router.js').View} View */

/**
 * The sign-in. Afterwards the visitor returns to the page that required it.
 * @param {Visit} visit
 * @returns {Promise<View>}
 */
export async function signInView({ query }) {
  return formView('Sign in', query, [email(), password('current-password')], signIn, [
    h('a', { href: '/reset-password' }, 'Forgot the password?'),
    h('a', { href: `#/sign-up?${query}` }, 'Create an account'),
  ]);
}

/**
 * The registration, which also signs in.
 * @param {Visit} visit `role` in its query is the role that is chosen at first
 * @param {[role: string, text: string][]} [roles] the roles to choose from; none: the API's default
 * @returns {Promise<View>}
 */
export async function signUpView({ query }, roles = []) {
  const name = h(
    'label',
    {},
    'Name',
    h('input', { name: 'name', autocomplete: 'name', required: true, maxlength: 100 }),
  );
  /** @type {typeof signIn} */
  const signUp = async (address, secret) => {
    const given = name.querySelector('input')?.value ?? '';
    const role = choices.find(({ checked }) => checked)?.value;
    await register({ email: address, password: secret, name: given, ...(role ? { role } : {}) });
    await signIn(address, secret);
  };
  const wanted = roles.find(([role]) => role === query.get('role')) ?? roles[0];
  const choices = roles.map((role) =>
    h('input', { type: 'radio', name: 'role', value: role[0], checked: role === wanted }),
  );
  const choice = roles.map(([, text], index) => h('label', { class: 'choice' }, choices[index], text));
  return formView('Sign up', query, [...choice, name, email(), password('new-password')], signUp, [
    h('a', { href: `#/sign-in?${query}` }, 'I have an account'),
  ]);
}

/**
 * @param {string} title
 * @param {URLSearchParams} query
 * @param {HTMLElement[]} inputs
 * @param {(email: string, password: string) => Promise<void>} send
 * @param {HTMLElement[]} links
 * @returns {View}
 */
function formView(title, query, inputs, send, links) {
  const error = h('p', { class: 'bad', role: 'alert' });
  const form = h(
    'form',
    { class: 'sign-in', submit: action(submit, showError) },
    ...inputs,
    error,
    h('button', { type: 'submit' }, title),
    ...links,
  );
  async function submit() {
    error.textContent = '';
    // A password may begin and end with a space.
    const secret = form.querySelector('input[name=password]');
    await send(textIn(form, 'email'), secret instanceof HTMLInputElement ? secret.value : '');
    // A path of this page: a fragment leads nowhere else.
    location.hash = `#${query.get('next') ?? '/'}`;
  }
  /** @param {unknown} failure */
  function showError(failure) {
    error.textContent = textOf(failure);
  }
  return { title, content: [h('h1', {}, title), form] };
}

function email() {
  return h(
    'label',
    {},
    'Email',
    h('input', { name: 'email', type: 'email', autocomplete: 'username', required: true }),
  );
}

/** @param {string} autocomplete */
function password(autocomplete) {
  return h('label', {}, 'Password', h('input', { name: 'password', type: 'password', autocomplete, required: true }));
}
