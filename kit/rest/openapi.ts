import type { DescField, DescMethod, DescService, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { isDeepStrictEqual } from 'node:util';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { exampleJson } from '#kit/contract/example.ts';
import { type Binding, bindMethod } from './binding.ts';
import { type AccessDoc, accessDocOf, type BrowserAuth, securitySchemes } from './openapi-access.ts';
import {
  defaultResponse,
  type DocumentedReasons,
  documentedReasons,
  errorResponses,
  problemSchema,
  readComment,
} from './openapi-errors.ts';
import { headerParameter, headersOf, responseHeaders } from './openapi-headers.ts';
import {
  type Comments,
  createSchemas,
  type DocumentSchemas,
  type RequestSchemas,
  type Schemas,
} from './openapi-schema.ts';
import { formContent, oauthErrorSchema, withOAuthError } from './openapi-oauth.ts';
import { partsOf, pathOf } from './openapi-path.ts';
import type { Leaf } from './query.ts';

/** Parts of a document that are not in the contract. */
export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  /** Introduction, in Markdown. */
  readonly description?: string;
  /** SPDX identifier of the licence. */
  readonly licence?: string;
  /** Base URLs. */
  readonly servers?: readonly string[];
  /** Comments of the protos, collected by scripts/comments.ts. */
  readonly comments?: Comments;
  /** The services' reasons, collected by scripts/reasons.ts. The kit's are included always. */
  readonly reasons?: DocumentedReasons;
  /** How browsers authenticate. Default: by the cookie of a deployment with TLS. */
  readonly browser?: BrowserAuth;
  /** Whether responses state a rate limit. */
  readonly isLimited?: boolean;
  /** Returns the reasons with which the edge itself may refuse a method. */
  readonly refusals?: (method: DescMethod) => readonly string[];
}

/** HTTP methods that an OpenAPI path item supports. */
const documented = new Set(['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE']);

/**
 * Creates the OpenAPI 3.1 document of services' REST routes, from the same bindings
 * that serve them. Bindings that differ from a method's first one in path and HTTP method
 * only are not operations; the first names them (`x-aliases`), so that a generated client
 * has one function for each thing it can do. Of two templates that OpenAPI cannot
 * distinguish (`*` and `**`) the first is documented.
 * @throws Error if a binding does not match its messages, or a comment or `refusals` names an unknown reason
 */
export function openApiOf(services: readonly DescService[], options: OpenApiOptions): JsonObject {
  const { title, version, description, licence, servers = [], comments = {}, refusals = () => [] } = options;
  const browser = options.browser ?? { cookie: '__Host-signet_at', csrf: 'cookie' };
  const known = documentedReasons(options.reasons ?? {});
  const bindings = services.flatMap((service) =>
    service.methods.flatMap((method) => {
      const bound = bindMethod(method).filter(({ httpMethod }) => documented.has(httpMethod));
      const [first, ...others] = bound;
      if (!first) return [];
      const aliases = others.filter((one) => isAlias(one, first));
      return [
        { binding: first, isFirst: true, aliases },
        ...others.filter((one) => !aliases.includes(one)).map((binding) => ({ binding, isFirst: false, aliases: [] })),
      ];
    }),
  );
  const schemas = createSchemas(
    comments,
    bindings.map(({ binding }) => binding.method.output),
  );
  schemas.components['Problem'] = problemSchema;
  if (bindings.some(({ binding }) => binding.oauth)) schemas.components['OAuthError'] = oauthErrorSchema;

  const paths: Record<string, JsonObject> = {};
  const namesByShape = new Map<string, readonly string[]>();
  for (const { binding, isFirst, aliases } of bindings) {
    const { method, httpMethod } = binding;
    const comment = readComment(comments[`${method.parent.typeName}.${method.name}`] ?? '', method.name, known);
    const accessDoc = accessDocOf(method, browser);
    // Templates that differ only in variable names are one path (OpenAPI 3.1 section 4.8.8).
    const shape = pathOf(
      binding,
      binding.variables.map(() => ''),
    );
    const names = namesByShape.get(shape) ?? binding.variables.map(({ name }) => name);
    namesByShape.set(shape, names);
    const path = pathOf(binding, names);
    const also = aliases.map((alias) => `${alias.httpMethod} ${pathOf(alias, names)}`);
    const text = [
      comment.description,
      accessDoc.needs,
      also.length > 0 ? `Also \`${also.join('`, `')}\`.` : undefined,
    ].filter((part) => part);
    const id = `${method.parent.name}_${method.name}`;
    const item = (paths[path] ??= {});
    item[httpMethod.toLowerCase()] ??= {
      ...operation(binding, names, schemas, {
        accessDoc,
        reasons: [...accessDoc.reasons, ...refusals(method), ...comment.reasons],
        known,
        isLimited: options.isLimited ?? false,
      }),
      operationId: isFirst ? id : [id, httpMethod.toLowerCase(), ...(path.match(/\w+/g) ?? [])].join('_'),
      ...(comment.summary === '' ? {} : { summary: comment.summary }),
      ...(text.length > 0 ? { description: text.join('\n\n') } : {}),
      ...(also.length > 0 ? { 'x-aliases': also } : {}),
      ...(method.deprecated ? { deprecated: true } : {}),
    };
  }
  const tags = services
    .filter((service) => service.methods.some((method) => bindMethod(method).length > 0))
    .map((service): JsonObject => {
      const comment = comments[service.typeName];
      return { name: service.name, ...(comment === undefined ? {} : { description: comment }) };
    });
  return {
    openapi: '3.1.0',
    info: {
      title,
      version,
      ...(description === undefined ? {} : { description }),
      ...(licence === undefined ? {} : { license: { name: licence, identifier: licence } }),
    },
    ...(servers.length > 0 ? { servers: servers.map((url) => ({ url })) } : {}),
    tags,
    paths,
    components: {
      schemas: schemas.components,
      headers: responseHeaders,
      securitySchemes: securitySchemes(browser),
    },
  };
}

/** Returns whether two bindings of a method differ in nothing but their path and HTTP method. */
function isAlias(one: Binding, other: Binding): boolean {
  return isDeepStrictEqual(contentOf(one), contentOf(other));
}

function contentOf({ body, responseBody, contentType, status, template, variables, query }: Binding) {
  return [
    body === '*' ? '*' : body?.name,
    responseBody?.name,
    contentType,
    status,
    variables.map(({ name }) => name),
    template.variables.map(({ start, end }) => template.segments.slice(start, end)),
    [...query.keys()],
  ];
}

function operation(
  binding: Binding,
  names: readonly string[],
  { request, response }: DocumentSchemas,
  {
    accessDoc: { security, rule },
    reasons,
    known,
    isLimited,
  }: {
    readonly accessDoc: AccessDoc;
    readonly reasons: readonly string[];
    readonly known: DocumentedReasons;
    readonly isLimited: boolean;
  },
): JsonObject {
  const { method, streams, status } = binding;
  const { headers } = edgeRuleOf(method);
  const inputs = [...pathParameters(binding, names, request), ...queryParameters(binding, request)];
  const parameters = [...inputs, ...headers.map(headerParameter)];
  const body = requestBody(binding, request);
  const invalid = [
    ...(parameters.length > 0 || body ? ['INVALID_ARGUMENT'] : []),
    ...(body ? ['PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] : []),
  ];
  const errors = Object.entries({ ...errorResponses([...invalid, ...reasons], known), default: defaultResponse });
  const responses: Record<string, JsonObject> = {
    [String(streams ? 200 : status)]: success(binding, method, response),
    ...Object.fromEntries(errors.map(([at, one]) => [at, binding.oauth ? withOAuthError(one) : one])),
  };
  const replays = headers.includes('idempotency-key');
  return {
    tags: [method.parent.name],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: Object.fromEntries(
      Object.entries(responses).map(([at, one]) => [at, { ...one, headers: headersOf(at, isLimited, replays) }]),
    ),
    security,
    ...(rule === undefined ? {} : { 'x-signet-access': rule }),
  };
}

function pathParameters(binding: Binding, names: readonly string[], schemas: Schemas): JsonObject[] {
  const { template, variables } = binding;
  const named = variables.flatMap((leaf, index): JsonObject[] => {
    const variable = template.variables[index];
    const { rest } = partsOf(template.segments.slice(variable?.start, variable?.end));
    if (rest === '') return [];
    const described: JsonObject = {
      ...parameter(leaf, binding, schemas),
      name: names[index] ?? leaf.name,
      in: 'path',
      required: true,
    };
    return [variable?.single ? described : { ...described, 'x-path-template': rest }];
  });
  const captured = (at: number): boolean =>
    template.variables.some(({ start, end }) => at >= start && (end === undefined || at < end));
  const unnamed = template.segments
    .filter((segment, at) => segment.kind !== 'literal' && !captured(at))
    .map((_, index): JsonObject => ({
      name: `segment${index + 1}`,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }));
  return [...named, ...unnamed];
}

function queryParameters(binding: Binding, schemas: Schemas): JsonObject[] {
  return [...new Set(binding.query.values())].map((leaf) => ({
    ...parameter(leaf, binding, schemas),
    name: leaf.name,
    in: 'query',
  }));
}

/** Description and example are set on the parameter, where tools show them. */
function parameter(leaf: Leaf, { method }: Binding, schemas: Schemas): JsonObject {
  const field = leaf.fields.at(-1);
  const { description, ...schema } = field ? schemas.field(field) : {};
  const example = valueAt(exampleJson(method), leaf.fields);
  return {
    ...(description === undefined ? {} : { description }),
    schema,
    ...(example === undefined ? {} : { example }),
  };
}

function valueAt(json: JsonValue | undefined, fields: readonly DescField[]): JsonValue | undefined {
  return fields.reduce<JsonValue | undefined>(
    (value, { name }) => (typeof value === 'object' && value && !Array.isArray(value) ? value[name] : undefined),
    json,
  );
}

function requestBody({ body, method, oauth, variables }: Binding, schemas: RequestSchemas): JsonObject | undefined {
  if (body === undefined) return undefined;
  const example = exampleJson(method);
  if (body !== '*') return { content: content(schemas.field(body), example?.[body.name]) };
  const omitted = variables.flatMap(({ fields }) => (fields.length === 1 && fields[0] ? [fields[0]] : []));
  const isOmitted = (name: string) => omitted.some((field) => field.name === name);
  const schema = omitted.length > 0 ? schemas.without(method.input, omitted) : schemas.message(method.input);
  const rest = example && Object.fromEntries(Object.entries(example).filter(([name]) => !isOmitted(name)));
  return {
    content: { ...content(schema, rest), ...(oauth ? formContent(schemas.without(method.input, omitted), rest) : {}) },
    required: schemas.required(method.input, omitted),
  };
}

function success(binding: Binding, method: DescMethod, schemas: Schemas): JsonObject {
  const { responseBody, contentType, status } = binding;
  if (!binding.streams && (status === 204 || status === 205)) return { description: 'Success, without a body.' };
  const schema = responseBody ? schemas.field(responseBody) : schemas.message(method.output);
  if (binding.streams) {
    return {
      description:
        'Server-sent events: one message per `data`, with a sequential `id`; an `error` event has a Problem.',
      content: { 'text/event-stream': { schema: { type: 'string' }, 'x-event-data': schema } },
    };
  }
  return {
    description: status === 201 ? 'Created.' : 'Success.',
    content: { [contentType.startsWith('text/') ? 'text/plain' : 'application/json']: { schema } },
  };
}

function content(schema: JsonValue, example: JsonValue | undefined): JsonObject {
  return { 'application/json': { schema, ...(example === undefined ? {} : { example }) } };
}
