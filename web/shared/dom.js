// @ts-check
// Elements without markup in strings: the policy of the page forbids it (Trusted Types).

/** @typedef {Node | string | number | false | null | undefined} Child */
/** @typedef {Record<string, string | number | boolean | undefined | ((event: Event) => unknown)>} Attributes functions are event listeners; false and undefined are left out */

/**
 * Creates an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * Creates an element of SVG.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/**
 * @template {Element} T
 * @param {T} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 * @returns {T}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children)
    if (child || child === 0) element.append(typeof child === 'number' ? `${child}` : child);
  return element;
}

/**
 * The element of index.html with an id.
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
 * The text in a field of a form, without white space around it.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function textIn(form, name) {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/**
 * A listener that runs something asynchronous. Meanwhile the button, or the button of the form, is disabled. Errors
 * are shown.
 * @param {(event: Event) => Promise<unknown>} run
 * @param {(error: unknown) => void} [onError] default: shows a message
 */
export function action(run, onError = report) {
  return (/** @type {Event} */ event) => {
    event.preventDefault();
    const target = event.currentTarget;
    const button = target instanceof HTMLFormElement ? target.querySelector('button[type=submit]') : target;
    if (button instanceof HTMLButtonElement) button.disabled = true;
    run(event)
      .catch(onError)
      .finally(() => {
        if (button instanceof HTMLButtonElement) button.disabled = false;
      });
  };
}

/**
 * Shows a short message, which screen readers announce.
 * @param {string} text
 */
export function toast(text) {
  const toasts = byId('toasts', HTMLElement);
  const shown = h('p', { class: 'toast' }, text);
  toasts.append(shown);
  setTimeout(() => shown.remove(), 6000);
}

/**
 * Shows an error.
 * @param {unknown} error
 */
export function report(error) {
  console.warn(error);
  toast(error instanceof Error ? error.message : 'The page failed. Reload it.');
}
