import { httpStatusOf, infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { type FieldViolation, outward, violationsOf } from '#kit/errors/failure.ts';
import { isKitReason, kitReasons } from '#kit/errors/reasons.ts';
import { detailOf } from '#kit/guard/error.ts';

/** Body of an error answer (RFC 9457), media type application/problem+json. */
export interface Problem {
  /** `urn:signet:error:<REASON>`. */
  readonly type: string;
  /** The reason's sentence. */
  readonly title: string;
  /** HTTP status. */
  readonly status: number;
  /** Only where it says more than the title. */
  readonly detail?: string;
  /** Path of the request, without its query. */
  readonly instance: string;
  /** The reason: one of the kit's, or of the service that gave it. */
  readonly code: string;
  readonly request_id?: string;
  /** What programs need besides the reason. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The fields at fault. */
  readonly errors?: readonly FieldViolation[];
}

/** An error as an HTTP answer. */
export interface ProblemAnswer {
  readonly status: number;
  /** In lower case; a list only for set-cookie. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Problem;
}

const carried = /^(?:www-authenticate|retry-after|allow|(?:x-)?ratelimit.*)$/;
const longestInstance = 1024;
/** Longest sentence of another service's reason, in characters. */
const longestTitle = 500;

/**
 * Makes the answer of an error, whatever it is: one without a reason is
 * told by its transport code, or masked as INTERNAL. A 401 always carries a challenge (RFC 9110 section 11.6.1). No answer of an error may be
 * stored by a cache.
 */
export function problemOf(
  error: unknown,
  request: { readonly instance: string; readonly requestId?: string | undefined },
): ProblemAnswer {
  const leaving = outward(error);
  const info = infoOf(leaving);
  const code = info?.reason ?? 'INTERNAL';
  const title = isKitReason(code) ? kitReasons[code].title : leaving.rawMessage.slice(0, longestTitle);
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
    instance: request.instance.slice(0, longestInstance),
    code,
    ...(request.requestId ? { request_id: request.requestId } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(errors.length > 0 ? { errors } : {}),
  };
  return { status, headers, body };
}

/** `email: Must be a string. name: There is no such field.` */
function inWords(errors: readonly FieldViolation[]): string {
  return errors
    .map(({ field, description }) => (field.startsWith('$') ? description : `${field}: ${description}`))
    .join(' ');
}
