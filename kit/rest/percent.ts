import { failure } from '#kit/errors/failure.ts';

/** Decodes %XX as UTF-8. @throws INVALID_ARGUMENT on malformed encoding */
export function decodeText(text: string, where: '$path' | '$query'): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw failure('INVALID_ARGUMENT', {
      fields: [{ field: where, description: 'Not valid percent-encoded UTF-8.', reason: 'NOT_UTF8' }],
    });
  }
}

/**
 * Decodes %XX in one segment of a variable with several segments. %2F is kept,
 * because a decoded slash would look like a separator (google/api/http.proto).
 */
export function decodeKeepingSlashes(text: string): string {
  if (!text.includes('%')) return text;
  return text
    .split(/(%2f)/i)
    .map((part, index) => (index % 2 === 1 ? part : decodeText(part, '$path')))
    .join('');
}
