import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { http } from '#gen/proto/google/api/annotations_pb.ts';
import type { HttpRule } from '#gen/proto/google/api/http_pb.ts';
import { parseTemplate, type Template } from './template.ts';

/** One `google.api.http` binding of a method, its template parsed. */
export interface Rule {
  /** HTTP method in capitals, or `*`. */
  readonly httpMethod: string;
  readonly template: Template;
  /** `*`, a field's name, or empty. */
  readonly body: string;
  /** A field's name, or empty. */
  readonly responseBody: string;
}

/** The bindings of a method: its own and the additional ones; none without `google.api.http`. */
export function rulesOf(method: DescMethod): Rule[] {
  if (!hasOption(method, http)) return [];
  const main = getOption(method, http);
  return [main, ...main.additionalBindings].map((rule) => {
    if (rule !== main && rule.additionalBindings.length > 0) {
      throw new Error('an additional binding has additional bindings of its own');
    }
    const [httpMethod, path] = patternOf(rule);
    if (httpMethod === 'GET' && method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) {
      // Nothing asks a GET for a CSRF token, and anybody may send it again.
      throw new Error('a GET needs `option idempotency_level = NO_SIDE_EFFECTS`');
    }
    return { httpMethod, template: parseTemplate(path), body: rule.body, responseBody: rule.responseBody };
  });
}

function patternOf({ pattern }: HttpRule): [string, string] {
  switch (pattern.case) {
    case undefined:
      throw new Error('google.api.http without a path');
    case 'custom':
      if (!/^(?:\*|[A-Z-]+)$/.test(pattern.value.kind)) throw new Error(`"${pattern.value.kind}" is no HTTP method`);
      return [pattern.value.kind, pattern.value.path];
    default:
      return [pattern.case.toUpperCase(), pattern.value];
  }
}
