import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  type JsonObject,
  type Message,
  mergeFromJson,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { rest } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { failure, type FieldViolation } from '#kit/errors/failure.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { decode, parse } from './decode.ts';
import { diagnose } from './diagnose.ts';
import { type Leaf, leafAt, put, queryLeaves, readQuery } from './query.ts';
import { type Rule, rulesOf } from './rule.ts';
import type { Template } from './template.ts';

/** A method bound to one path, prepared at start. */
export interface Binding {
  readonly method: DescMethod;
  readonly httpMethod: string;
  readonly template: Template;
  /** Name in error messages: `signet.auth.v1.AuthService/Login (POST /api/v1/auth/login)`. */
  readonly name: string;
  /** HTTP status of success. */
  readonly status: number;
  /** Whether a request may be a form, with errors of OAuth. */
  readonly oauth: boolean;
  /** Whether the response is a stream of server-sent events. */
  readonly streams: boolean;
  /** Content type of the response, or of one event's data. */
  readonly contentType: string;
  /** `*`, the field that the body maps to, or undefined without a body. */
  readonly body: '*' | DescField | undefined;
  /** The field that is sent as the response; undefined for the whole message. */
  readonly responseBody: DescField | undefined;
  /** The fields of the path's variables, in the template's order. */
  readonly variables: readonly Leaf[];
  /** Query parameters by spelling. */
  readonly query: ReadonlyMap<string, Leaf>;
  /**
   * Creates the request message from the values of the template's variables, the
   * query without its question mark, and the body's text ('' for none). Path variables
   * override the body; the query has no fields in common with either.
   * @throws INVALID_ARGUMENT naming the invalid fields, never their values
   */
  readonly request: (values: readonly string[], query: string, body: string) => Message;
  /** Serializes a response message. */
  readonly answer: (output: Message) => string;
}

/** JSON form of responses: the proto's field names, and every field without presence. */
export const answerOptions = { useProtoFieldName: true, alwaysEmitImplicit: true } as const;

/** Returns the bindings of a method. @throws Error naming the method and the invalid template */
export function bindMethod(method: DescMethod): Binding[] {
  let rules: Rule[];
  try {
    rules = rulesOf(method);
  } catch (error) {
    throw new Error(`${nameOf(method)}: ${(error as Error).message}`, { cause: error });
  }
  return rules.map((rule) => {
    const name = `${nameOf(method)} (${rule.httpMethod} ${rule.template.text})`;
    try {
      return bind(method, rule, name);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  });
}

function bind(method: DescMethod, rule: Rule, name: string): Binding {
  const { input, output } = method;
  if (method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming') {
    throw new Error('a method with a request stream cannot have a REST route');
  }
  const variables = rule.template.variables.map(({ fieldPath }) => leafAt(input, fieldPath));
  const body = bodyOf(input, rule, variables);
  const responseBody = rule.responseBody === '' ? undefined : fieldOf(output, rule.responseBody, 'response_body');
  const isText = responseBody?.fieldKind === 'scalar' && responseBody.scalar === ScalarType.STRING;
  const taken = [...variables.map(({ fields }) => fields), ...(typeof body === 'object' ? [[body]] : [])];
  const query = body === '*' ? new Map<string, Leaf>() : queryLeaves(input, taken);
  const wholeAnswer = answerWriter(output, responseBody, isText);

  return {
    method,
    httpMethod: rule.httpMethod,
    template: rule.template,
    name,
    status: statusOf(method, rule),
    oauth: isOAuth(method, body),
    streams: method.methodKind === 'server_streaming',
    contentType: isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
    body,
    responseBody,
    variables,
    query,
    request(values, queryText, bodyText) {
      const violations: FieldViolation[] = [];
      const json: JsonObject = {};
      for (const [index, leaf] of variables.entries()) put(leaf, values[index] ?? '', json, violations);
      if (queryText !== '') readQuery(queryText, query, json, violations);
      if (violations.length > 0) throw failure('INVALID_ARGUMENT', { fields: violations });
      const message = readBody(input, body, bodyText);
      if (variables.length > 0 || queryText !== '') merge(input, message, json);
      return message;
    },
    answer: wholeAnswer,
  };
}

function bodyOf(input: DescMessage, rule: Rule, variables: readonly Leaf[]): Binding['body'] {
  if (rule.body === '') return undefined;
  if (rule.httpMethod === 'GET' || rule.httpMethod === 'HEAD') throw new Error(`${rule.httpMethod} cannot have a body`);
  if (rule.body === '*') return '*';
  const field = fieldOf(input, rule.body, 'body');
  if (variables.some(({ fields }) => fields.length === 1 && fields[0] === field)) {
    throw new Error(`"${rule.body}" is both a path variable and the body`);
  }
  return field;
}

function fieldOf(desc: DescMessage, name: string, what: string): DescField {
  const field = desc.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${what}: ${desc.typeName} has no field "${name}"`);
  return field;
}

function isOAuth(method: DescMethod, body: Binding['body']): boolean {
  const { oauth } = getOption(method, rest);
  if (oauth && (body !== '*' || method.methodKind !== 'unary')) {
    throw new Error('an endpoint of OAuth is a unary method whose body is the whole message');
  }
  return oauth;
}

function statusOf(method: DescMethod, rule: Rule): number {
  const success = getOption(method, rest).success;
  if (success === 0) return rule.httpMethod === 'DELETE' && method.output.fields.length === 0 ? 204 : 200;
  if (success < 200 || success > 299) throw new Error(`${success} is not a success status of HTTP`);
  return success;
}

function answerWriter(output: DescMessage, field: DescField | undefined, isText: boolean): Binding['answer'] {
  if (!field) return (message) => JSON.stringify(toJson(output, message, answerOptions));
  const { name } = field;
  return (message) => {
    const value = (toJson(output, message, answerOptions) as JsonObject)[name] ?? null;
    if (!isText) return JSON.stringify(value);
    return typeof value === 'string' ? value : '';
  };
}

/** Parses the body into the request message. */
function readBody(input: DescMessage, body: Binding['body'], text: string): Message {
  if (text === '') return create(input);
  if (body === undefined) {
    const json = parse(text);
    // Generic clients send "{}" as an empty body.
    if (typeof json === 'object' && json !== null && !Array.isArray(json) && Object.keys(json).length === 0) {
      return create(input);
    }
    throw failure('INVALID_ARGUMENT', {
      fields: [{ field: '$body', description: 'Must be empty.', reason: 'NOT_EMPTY' }],
    });
  }
  // Parsed first, so that the body is one complete JSON value before it is embedded in another.
  if (body !== '*') {
    const json = parse(text);
    if (body.fieldKind === 'message' && json === null) throw notAnObject(body.name);
    return decode(input, `{"${body.name}":${text}}`);
  }
  return decode(input, text);
}

function notAnObject(field: string): Error {
  return failure('INVALID_ARGUMENT', {
    fields: [{ field, description: 'Must be a JSON object.', reason: 'WRONG_TYPE' }],
  });
}

function merge(input: DescMessage, message: Message, json: JsonObject): void {
  try {
    mergeFromJson(input, message, json);
  } catch {
    const fields = diagnose(input, json);
    throw failure('INVALID_ARGUMENT', {
      fields:
        fields.length > 0
          ? fields
          : [{ field: '$query', description: 'Only one field of a oneof may be set.', reason: 'REPEATED' }],
    });
  }
}
