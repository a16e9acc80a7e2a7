import type { DescField, DescMethod, DescService, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { exampleJson } from '#kit/contract/example.ts';
import { type Binding, bindMethod } from './binding.ts';
import { accessDocOf, securitySchemes } from './openapi-access.ts';
import {
  defaultResponse,
  type DocumentedReasons,
  documentedReasons,
  errorResponses,
  problemSchema,
  readComment,
} from './openapi-errors.ts';
import { type Comments, createSchemas, type Schemas } from './openapi-schema.ts';
import type { Leaf } from './query.ts';
import type { Segment } from './template.ts';

/** Parts of a document that are not in the contract. */
export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  /** Base URLs. */
  readonly servers?: readonly string[];
  /** Comments of the protos, collected by scripts/comments.ts. */
  readonly comments?: Comments;
  /** The services' reasons, collected by scripts/reasons.ts. The kit's are included always. */
  readonly reasons?: DocumentedReasons;
}

/** HTTP methods that an OpenAPI path item supports. */
const documented = new Set(['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE']);

/**
 * Creates the OpenAPI 3.1 document of services' REST routes, from the same bindings
 * that serve them. Of two templates that OpenAPI cannot distinguish (`*` and `**`)
 * the first is documented.
 * @throws Error if a binding does not match its messages, or a comment lists an unknown reason
 */
export function openApiOf(services: readonly DescService[], options: OpenApiOptions): JsonObject {
  const { title, version, servers = [], comments = {} } = options;
  const known = documentedReasons(options.reasons ?? {});
  const bindings = services.flatMap((service) =>
    service.methods.map((method) => ({ method, bound: bindMethod(method) })),
  );
  const inputs = new Set(bindings.map(({ method }) => method.input));
  const schemas = createSchemas(comments, inputs);
  schemas.components['Problem'] = problemSchema;

  const paths: Record<string, JsonObject> = {};
  const namesByShape = new Map<string, readonly string[]>();
  for (const { method, bound } of bindings) {
    const comment = readComment(comments[`${method.parent.typeName}.${method.name}`] ?? '', method.name, known);
    for (const [index, binding] of bound.entries()) {
      if (!documented.has(binding.httpMethod)) continue;
      // Templates that differ only in variable names are one path (OpenAPI 3.1 section 4.8.8).
      const shape = pathOf(
        binding,
        binding.variables.map(() => ''),
      );
      const names = namesByShape.get(shape) ?? binding.variables.map(({ name }) => name);
      namesByShape.set(shape, names);
      const item = (paths[pathOf(binding, names)] ??= {});
      item[binding.httpMethod.toLowerCase()] ??= {
        ...operation(binding, names, schemas, { listed: comment.reasons, known }),
        operationId: `${method.parent.name}_${method.name}${index === 0 ? '' : `_${index + 1}`}`,
        ...(comment.summary === '' ? {} : { summary: comment.summary }),
        ...(comment.description === comment.summary ? {} : { description: comment.description }),
        ...(method.deprecated ? { deprecated: true } : {}),
      };
    }
  }
  const tags = services
    .filter((service) => service.methods.some((method) => bindMethod(method).length > 0))
    .map((service): JsonObject => {
      const description = comments[service.typeName];
      return { name: service.name, ...(description === undefined ? {} : { description }) };
    });
  return {
    openapi: '3.1.0',
    info: { title, version },
    ...(servers.length > 0 ? { servers: servers.map((url) => ({ url })) } : {}),
    tags,
    paths,
    components: { schemas: schemas.components, securitySchemes },
  };
}

/**
 * Returns the path in OpenAPI's format. Of a variable with several segments, the
 * leading literals are part of the path and the rest is one parameter.
 */
function pathOf({ template }: Binding, names: readonly string[]): string {
  const parts: string[] = [];
  let unnamed = 0;
  for (let at = 0; at < template.segments.length;) {
    const variable = template.variables.findIndex(({ start }) => start === at);
    const segment = template.segments[at];
    if (variable !== -1) {
      const end = template.variables[variable]?.end ?? template.segments.length;
      const captured = template.segments.slice(at, end);
      const { literals } = partsOf(captured);
      parts.push(...literals.map(encodeURIComponent));
      if (literals.length < captured.length) parts.push(`{${names[variable] ?? ''}}`);
      at = end;
    } else {
      parts.push(segment?.kind === 'literal' ? encodeURIComponent(segment.text) : `{segment${(unnamed += 1)}}`);
      at += 1;
    }
  }
  return `/${parts.join('/')}${template.verb === '' ? '' : `:${template.verb}`}`;
}

/** Splits segments into their leading literals and the template of the rest. */
function partsOf(segments: readonly Segment[]): { literals: string[]; rest: string } {
  const open = segments.findIndex(({ kind }) => kind !== 'literal');
  const literals = segments
    .slice(0, open === -1 ? undefined : open)
    .flatMap((part) => (part.kind === 'literal' ? part.text : []));
  const signs = { one: '*', rest: '**' };
  const rest = segments.slice(literals.length).map((part) => (part.kind === 'literal' ? part.text : signs[part.kind]));
  return { literals, rest: rest.join('/') };
}

function operation(
  binding: Binding,
  names: readonly string[],
  schemas: Schemas,
  { listed, known }: { readonly listed: readonly string[]; readonly known: DocumentedReasons },
): JsonObject {
  const { method } = binding;
  const { security, reasons, rule } = accessDocOf(method);
  const inputs = [...pathParameters(binding, names, schemas), ...queryParameters(binding, schemas)];
  const parameters = [...inputs, ...headerParameters(method)];
  const body = requestBody(binding, schemas);
  const invalid: string[] = inputs.length > 0 || body ? ['INVALID_ARGUMENT'] : [];
  return {
    tags: [method.parent.name],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: {
      [String(binding.streams ? 200 : binding.status)]: success(binding, method, schemas),
      ...errorResponses([...invalid, ...reasons, ...listed], known),
      default: defaultResponse,
    },
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

/** Returns the headers in the method's edge rule (signet.policy.v1.edge). */
function headerParameters(method: DescMethod): JsonObject[] {
  return edgeRuleOf(method).headers.map((name) => ({ name, in: 'header', schema: { type: 'string' } }));
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

function requestBody({ body, method, variables }: Binding, schemas: Schemas): JsonObject | undefined {
  if (body === undefined) return undefined;
  const example = exampleJson(method);
  if (body !== '*') return content(schemas.field(body), example?.[body.name]);
  const omitted = variables.flatMap(({ fields }) => (fields.length === 1 && fields[0] ? [fields[0]] : []));
  const isOmitted = (name: string) => omitted.some((field) => field.name === name);
  const schema = omitted.length > 0 ? schemas.without(method.input, omitted) : schemas.message(method.input);
  const rest = example && Object.fromEntries(Object.entries(example).filter(([name]) => !isOmitted(name)));
  return { ...content(schema, rest), required: schemas.required(method.input, omitted) };
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
  return { content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } } };
}
