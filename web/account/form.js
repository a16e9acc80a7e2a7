// @ts-check
import { Problem } from './session.js';

/**
 * Takes the token of the link from the fragment of the address, and removes it there, so that it stays in no history
 * and on no screen. Empty: none.
 */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
  history.replaceState(null, '', location.pathname);
  // A second link to this page that is opened in the same tab changes only the fragment.
  window.addEventListener('hashchange', () => location.reload());
  return token;
}

/**
 * The element with an id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`no ${type.name} with id ${id}`);
  return element;
}

/**
 * Shows a sentence, which screen readers announce. A success gets the focus, because its form is gone.
 * @param {'info' | 'success' | 'error'} kind
 * @param {string} text
 */
export function say(kind, text) {
  const message = byId('message', HTMLElement);
  message.dataset['kind'] = kind;
  message.textContent = text;
  if (kind === 'success') message.focus();
}

/**
 * Shows a form, or hides it; the others are hidden.
 * @param {string} id empty: hides all
 */
export function show(id) {
  for (const form of document.forms) form.hidden = form.id !== id;
  const shown = document.forms.namedItem(id);
  shown?.querySelector('input')?.focus();
}

/**
 * Handles a form. While the handler runs, its button is disabled. An error is shown, and the input that has to change
 * gets the focus.
 * @param {string} id
 * @param {(input: HTMLInputElement) => Promise<void>} handle receives the form's first input
 * @param {Readonly<Record<string, (problem: Problem) => string>>} texts sentences by reason
 */
export function onSubmit(id, handle, texts) {
  const form = byId(id, HTMLFormElement);
  const input = form.querySelector('input');
  const button = form.querySelector('button');
  if (!input || !button) throw new Error(`${id} needs an input and a button`);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    button.disabled = true;
    input.removeAttribute('aria-invalid');
    say('info', '');
    handle(input)
      .catch((/** @type {unknown} */ error) => {
        say('error', textOf(error, texts));
        input.setAttribute('aria-invalid', 'true');
        input.focus();
      })
      .finally(() => {
        button.disabled = false;
      });
  });
}

/**
 * Lets a checkbox show the password of an input.
 * @param {string} checkboxId
 * @param {string} inputId
 */
export function canShowPassword(checkboxId, inputId) {
  const checkbox = byId(checkboxId, HTMLInputElement);
  const input = byId(inputId, HTMLInputElement);
  checkbox.addEventListener('change', () => {
    input.type = checkbox.checked ? 'text' : 'password';
  });
}

/**
 * The sentence for an error.
 * @param {unknown} error
 * @param {Readonly<Record<string, (problem: Problem) => string>>} texts
 */
export function textOf(error, texts) {
  if (!(error instanceof Problem)) {
    console.error(error);
    return 'The page failed. Reload it, and open the link again.';
  }
  const own = texts[error.code];
  if (own) return own(error);
  if (error.status === 429) return `Too many attempts. Try again ${waitOf(error.retryAfter)}.`;
  const [field] = error.errors;
  return field ? `The entry ${field.description}.` : error.message;
}

/** @param {number} seconds */
function waitOf(seconds) {
  if (seconds <= 0) return 'later';
  if (seconds < 60) return seconds === 1 ? 'in 1 second' : `in ${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes === 1 ? 'in 1 minute' : `in ${minutes} minutes`;
}
