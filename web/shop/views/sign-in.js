// @ts-check
import { Problem, signIn } from '../../account/session.js';
import { register } from '../api.js';
import { action, h, textIn } from '../dom.js';

/** @typedef {import('../main.js').Visit} Visit */
/** @typedef {import('../main.js').View} View */

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
 * @param {Visit} visit
 * @returns {Promise<View>}
 */
export async function signUpView({ query }) {
  const name = h(
    'label',
    {},
    'Name',
    h('input', { name: 'name', autocomplete: 'name', required: true, maxlength: 100 }),
  );
  /** @type {typeof signIn} */
  const signUp = async (address, secret) => {
    const given = name.querySelector('input')?.value ?? '';
    await register({ email: address, password: secret, name: given });
    await signIn(address, secret);
  };
  return formView('Sign up', query, [name, email(), password('new-password')], signUp, [
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
    // A path of the shop: a fragment leads nowhere else.
    location.hash = `#${query.get('next') ?? '/'}`;
  }
  /** @param {unknown} failure */
  function showError(failure) {
    if (!(failure instanceof Problem)) console.warn(failure);
    error.textContent = failure instanceof Problem ? textOf(failure) : 'The page failed. Reload it.';
  }
  return { title, content: [h('h1', {}, title), form] };
}

/** @param {Problem} problem */
function textOf({ code, errors: [field], message }) {
  if (code === 'PASSWORD_REJECTED' && field) return `The password ${field.description}.`;
  if (code === 'INVALID_ARGUMENT' && field) return `The ${field.field} ${field.description}.`;
  return message;
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
