// @ts-check
import { Problem } from '../account/session.js';
import { byId, h, report } from './dom.js';

/**
 * A visit of a view. The address is in the fragment: `#/products/<id>?q=...`.
 * @typedef {object} Visit
 * @property {string} id the variable part of the path
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborts when the visitor leaves the view
 */
/** @typedef {{ title: string, content: Node[] }} View */

/**
 * Shows the view of the address in the element `view`, and again after each change of the address. A view that needs a
 * session leads to the route `/sign-in`, and from there back.
 * @param {object} site
 * @param {string} site.name the end of each title
 * @param {string} site.home text of the link to `/`
 * @param {[RegExp, (visit: Visit) => Promise<View>][]} site.routes the paths; a group is the visit's id
 * @param {(query: URLSearchParams) => void} [site.onVisit] runs before each view
 * @returns {() => void} shows the view again
 */
export function startRouter({ name, home, routes, onVisit }) {
  const main = byId('view', HTMLElement);
  let visit = new AbortController();

  function navigate() {
    visit.abort();
    visit = new AbortController();
    const address = location.hash.startsWith('#/') ? location.hash.slice(1) : '/';
    const [path = '', query = ''] = address.split('?');
    show(path, new URLSearchParams(query), visit.signal).catch(report);
  }

  /**
   * @param {string} path
   * @param {URLSearchParams} query
   * @param {AbortSignal} signal
   */
  async function show(path, query, signal) {
    onVisit?.(query);
    main.setAttribute('aria-busy', 'true');
    let view;
    try {
      view = await viewOf(path, query, signal);
    } catch (error) {
      // The view that was left must not lead to the sign-in.
      if (signal.aborted) return;
      view = errorView(error, path);
    }
    if (signal.aborted) return;
    document.title = `${view.title} · ${name}`;
    main.replaceChildren(...view.content);
    main.removeAttribute('aria-busy');
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }

  /**
   * @param {string} path
   * @param {URLSearchParams} query
   * @param {AbortSignal} signal
   * @returns {Promise<View>}
   */
  async function viewOf(path, query, signal) {
    for (const [pattern, view] of routes) {
      const match = pattern.exec(path);
      if (match) return view({ id: match[1] ?? '', query, signal });
    }
    return {
      title: 'Not found',
      content: [h('h1', {}, 'This page does not exist'), h('a', { href: '#/' }, home)],
    };
  }

  /**
   * @param {unknown} error
   * @param {string} path
   * @returns {View}
   */
  function errorView(error, path) {
    if (error instanceof Problem && error.status === 401) {
      location.replace(`#/sign-in?next=${encodeURIComponent(path)}`);
      return { title: 'Sign in', content: [] };
    }
    console.warn(error);
    const text = error instanceof Problem ? error.message : 'The page failed.';
    const again = h('button', { type: 'button', click: navigate }, 'Try again');
    return { title: 'Error', content: [h('h1', {}, 'That did not work'), h('p', { role: 'alert' }, text), again] };
  }

  window.addEventListener('hashchange', () => {
    // The link to the content leads to no other view.
    if (location.hash !== '#view') navigate();
  });
  navigate();
  return navigate;
}
