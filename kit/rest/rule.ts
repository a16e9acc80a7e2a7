import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { http } from '#gen/proto/google/api/annotations_pb.ts';
import type { HttpRule } from '#gen/proto/google/api/http_pb.ts';
import { parseTemplate, type Template } from './template.ts';

/** A `google.api.http` binding of a method, with its template parsed. */
export interface Rule {
  /** HTTP method in capitals, or `*`. */
  readonly httpMethod: string;
  readonly template: Template;
  /** `*`, a field's name, or empty. */
  readonly body: string;
  /** A field's name, or empty. */
  readonly responseBody: string;
}

/** Returns the main and additional bindings of a method; empty without `google.api.http`. */
export function rulesOf(method: DescMethod): Rule[] {
  if (!hasOption(method, http)) return [];
  const main = getOption(method, http);
  return [main, ...main.additionalBindings].map((rule) => {
    if (rule !== main && rule.additionalBindings.length > 0) {
      throw new Error('additional bindings must not be nested');
    }
    const [httpMethod, path] = patternOf(rule);
    if (httpMethod === 'GET' && method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) {
      // A GET is not protected by a CSRF token, and clients and caches may repeat it.
      throw new Error('a GET requires `option idempotency_level = NO_SIDE_EFFECTS`');
    }
    return { httpMethod, template: parseTemplate(path), body: rule.body, responseBody: rule.responseBody };
  });
}

function patternOf({ pattern }: HttpRule): [string, string] {
  switch (pattern.case) {
    case undefined:
      throw new Error('google.api.http without a path');
    case 'custom':
      if (!/^(?:\*|[A-Z-]+)$/.test(pattern.value.kind))
        throw new Error(`"${pattern.value.kind}" is not an HTTP method`);
      return [pattern.value.kind, pattern.value.path];
    default:
      return [pattern.case.toUpperCase(), pattern.value];
  }
}
