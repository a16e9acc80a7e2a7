import { httpStatusOf, infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { type FieldViolation, outward, violationsOf } from '#kit/errors/failure.ts';
import { isKitReason, kitReasons } from '#kit/errors/reasons.ts';
import { detailOf } from '#kit/guard/error.ts';

/** Body of an error response (RFC 9457), media type application/problem+json. */
export interface Problem {
  /** `urn:signet:error:<REASON>`. */
  readonly type: string;
  /** Title of the reason. */
  readonly title: string;
  /** HTTP status. */
  readonly status: number;
  /** Set only if it adds to the title. */
  readonly detail?: string;
  /** Path of the request, without its query. */
  readonly instance: string;
  /** The reason, of the kit or of a service. */
  readonly code: string;
  readonly request_id?: string;
  /** Further machine-readable values. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The invalid fields. */
  readonly errors?: readonly FieldViolation[];
}

/** An error as an HTTP response. */
export interface ProblemAnswer {
  readonly status: number;
  /** Names in lower case. Only set-cookie has a list. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Problem;
}

const carried = /^(?:www-authenticate|retry-after|allow|idempotent-replayed|(?:x-)?ratelimit.*)$/;
const maxInstance = 1024;
/** Maximum length of the title of a service's reason, in characters. */
const maxTitle = 500;

/**
 * Converts any error to a response. An error without a reason gets the reason of its
 * code, or INTERNAL. A 401 always has a challenge (RFC 9110 section 11.6.1). Error
 * responses are never cached (no-store).
 */
export function problemOf(
  error: unknown,
  request: { readonly instance: string; readonly requestId?: string | undefined },
): ProblemAnswer {
  const leaving = outward(error);
  const info = infoOf(leaving);
  const code = info?.reason ?? 'INTERNAL';
  const title = isKitReason(code) ? kitReasons[code].title : leaving.rawMessage.slice(0, maxTitle);
  const status = httpStatusOf(leaving);
  const metadata = metadataOf(info);
  const errors = violationsOf(leaving);
  const detail = detailOf(leaving) ?? (errors.length > 0 ? inWords(errors) : undefined);

  const headers: Record<string, string | string[]> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  };
  for (const [name, value] of leaving.metadata) if (carried.test(name)) headers[name] = value;
  const cookies = leaving.metadata.getSetCookie();
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  if (status === 401) headers['www-authenticate'] ??= 'Bearer';

  const body: Problem = {
    type: `urn:signet:error:${code}`,
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    instance: request.instance.slice(0, maxInstance),
    code,
    ...(request.requestId ? { request_id: request.requestId } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(errors.length > 0 ? { errors } : {}),
  };
  return { status, headers, body };
}

/** Formats violations: `email: Must be a string. name: Unknown field.` */
function inWords(errors: readonly FieldViolation[]): string {
  return errors
    .map(({ field, description }) => (field.startsWith('$') ? description : `${field}: ${description}`))
    .join(' ');
}
