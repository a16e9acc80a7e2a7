// @ts-check
import { Problem } from '../account/session.js';

/**
 * The sentence for an error: the page's own for the reason, or the one of the response, with the first invalid field.
 * @param {unknown} error
 * @param {Readonly<Record<string, string>>} [texts] the page's sentences, by reason
 */
export function textOf(error, texts = {}) {
  if (!(error instanceof Problem)) {
    console.warn(error);
    return 'The page failed. Reload it.';
  }
  const { code, errors, message } = error;
  const [field] = errors;
  if (texts[code] !== undefined) return texts[code];
  if (code === 'PASSWORD_REJECTED' && field) return `The password ${field.description}.`;
  if (code === 'INVALID_ARGUMENT' && field) return `The ${field.field} ${field.description}.`;
  return message;
}
