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

/** A method bound to one path: all that a request needs, worked out at start. */
export interface Binding {
  readonly method: DescMethod;
  readonly httpMethod: string;
  readonly template: Template;
  /** For errors: `signet.auth.v1.AuthService/Login (POST /api/v1/auth/login)`. */
  readonly name: string;
  /** HTTP status of success. */
  readonly status: number;
  /** Answers a stream of server-sent events. */
  readonly streams: boolean;
  /** Content type of an answer, or of one event's data. */
  readonly contentType: string;
  /** `*`, the field that the body is, or undefined where there is none. */
  readonly body: '*' | DescField | undefined;
  /** The field that the answer is; undefined for the whole message. */
  readonly responseBody: DescField | undefined;
  /** The fields of the path's variables, in the template's order. */
  readonly variables: readonly Leaf[];
  /** Query parameters by spelling. */
  readonly query: ReadonlyMap<string, Leaf>;
  /**
   * Makes the request message. Takes the values of the template's variables,
   * the query without its question mark, and the body's text ('' for none).
   * Path variables win over the body; the query never meets either. Throws
   * INVALID_ARGUMENT with the fields at fault and none of their values.
   */
  readonly request: (values: readonly string[], query: string, body: string) => Message;
  /** Makes the answer's text of a response message. */
  readonly answer: (output: Message) => string;
}

const answerOptions = { useProtoFieldName: true, alwaysEmitImplicit: true } as const;

/** The bindings of a method. An Error names the method and the template at fault. */
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
    throw new Error('a method that takes a stream has no place on REST');
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
  if (rule.httpMethod === 'GET' || rule.httpMethod === 'HEAD') throw new Error(`${rule.httpMethod} takes no body`);
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

function statusOf(method: DescMethod, rule: Rule): number {
  const success = getOption(method, rest).success;
  if (success === 0) return rule.httpMethod === 'DELETE' && method.output.fields.length === 0 ? 204 : 200;
  if (success < 200 || success > 299) throw new Error(`${success} is no HTTP status of success`);
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

/** The message that a body is, or begins with. */
function readBody(input: DescMessage, body: Binding['body'], text: string): Message {
  if (text === '') return create(input);
  if (body === undefined) {
    const json = parse(text);
    // Generic clients send "{}" where there is nothing to say.
    if (typeof json === 'object' && json !== null && !Array.isArray(json) && Object.keys(json).length === 0) {
      return create(input);
    }
    throw failure('INVALID_ARGUMENT', { fields: [{ field: '$body', description: 'No body is taken here.' }] });
  }
  // The body has been parsed as one JSON value before it is put into another.
  if (body !== '*') {
    const json = parse(text);
    if (body.fieldKind === 'message' && json === null) throw notAnObject(body.name);
    return decode(input, `{"${body.name}":${text}}`);
  }
  return decode(input, text);
}

function notAnObject(field: string): Error {
  return failure('INVALID_ARGUMENT', { fields: [{ field, description: 'Must be a JSON object.' }] });
}

function merge(input: DescMessage, message: Message, json: JsonObject): void {
  try {
    mergeFromJson(input, message, json);
  } catch {
    const fields = diagnose(input, json);
    throw failure('INVALID_ARGUMENT', {
      fields: fields.length > 0 ? fields : [{ field: '$query', description: 'Two of a kind where one is allowed.' }],
    });
  }
}
