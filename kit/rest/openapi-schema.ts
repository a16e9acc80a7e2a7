import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { type Constraints, constraintsOf, mayBeAbsent } from './openapi-rules.ts';

/** Comments of protos by full name: `signet.auth.v1.LoginRequest.email`. */
export type Comments = Readonly<Record<string, string>>;

/** Converts descriptors to JSON Schemas. Messages and enums become components. */
export interface Schemas {
  /** Returns a reference to a message's component. */
  message(desc: DescMessage): JsonObject;
  /** Returns the schema of a field, with its description. */
  field(field: DescField): JsonObject;
}

/** Schemas of what a method takes, with the rules of validation. */
export interface RequestSchemas extends Schemas {
  /** Returns an inline schema of a message without the omitted fields. */
  without(desc: DescMessage, omitted: readonly DescField[]): JsonObject;
  /** Returns whether a request without the message is rejected. */
  required(desc: DescMessage, omitted?: readonly DescField[]): boolean;
}

/** The schemas of a document. */
export interface DocumentSchemas {
  /** Components created so far, by name. */
  readonly components: JsonObject;
  readonly request: RequestSchemas;
  readonly response: Schemas;
}

/** How the schemas of requests and of responses differ. */
interface Side {
  /** Returns the name of a message's component. */
  readonly nameOf: (desc: DescMessage) => string;
  /** Returns the rules of a field. */
  readonly rulesOf: (field: DescField) => Omit<Constraints, 'required'>;
  readonly isRequired: (field: DescField) => boolean;
  /** Keywords of every object. */
  readonly closed: JsonObject;
}

/**
 * Creates an empty set of schemas. In a request a field is `required` if its rules
 * reject its absence, and unknown fields are rejected (`additionalProperties: false`).
 * In a response every field without presence is `required`, because it is always
 * sent; rules do not apply, and there may be new fields. A message that is in both
 * has two components: the request's ends in `-Input`, which no message's name can.
 * @param answers the messages of responses; those within them follow from these
 */
export function createSchemas(comments: Comments, answers: Iterable<DescMessage>): DocumentSchemas {
  const components: JsonObject = {};
  const answered = withNested(answers);
  const rules = new Map<DescField, Constraints>();
  function requestRules(field: DescField): Constraints {
    const known = rules.get(field) ?? constraintsOf(field);
    rules.set(field, known);
    return known;
  }
  const request = schemasOf({
    nameOf: (desc) => (answered.has(desc) ? `${desc.typeName}-Input` : desc.typeName),
    rulesOf: requestRules,
    isRequired: (field) => requestRules(field).required,
    closed: { additionalProperties: false },
  });
  const response = schemasOf({
    nameOf: ({ typeName }) => typeName,
    rulesOf: () => ({ keywords: {}, items: {}, sentences: [] }),
    isRequired: (field) => !mayBeAbsent(field),
    closed: {},
  });
  return { components, request, response };

  function described(full: string, schema: JsonObject, sentences: readonly string[] = []): JsonObject {
    const description = [comments[full], ...sentences].filter((part) => part !== undefined).join(' ');
    return description === '' ? schema : { ...schema, description };
  }
  function reference(name: string, make: () => JsonObject): JsonObject {
    if (!Object.hasOwn(components, name)) {
      components[name] = {}; // ends the recursion if it contains itself
      components[name] = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }
  function enumeration(desc: DescEnum): JsonObject {
    return reference(desc.typeName, () =>
      described(desc.typeName, { type: 'string', enum: desc.values.map(({ name }) => name) }),
    );
  }
  function schemasOf({ nameOf, rulesOf, isRequired, closed }: Side): RequestSchemas {
    function message(desc: DescMessage): JsonObject {
      return wellKnown(desc) ?? reference(nameOf(desc), () => without(desc, []));
    }
    function without(desc: DescMessage, omitted: readonly DescField[]): JsonObject {
      const fields = desc.fields.filter((candidate) => !omitted.includes(candidate));
      const required = fields.filter(isRequired).map(({ name }) => name);
      return described(desc.typeName, {
        type: 'object',
        ...(fields.length > 0
          ? { properties: Object.fromEntries(fields.map((each) => [each.name, field(each)])) }
          : {}),
        ...(required.length > 0 ? { required } : {}),
        ...closed,
      });
    }
    function field(desc: DescField): JsonObject {
      const { keywords, items, sentences } = rulesOf(desc);
      const schema =
        desc.fieldKind === 'list'
          ? { type: 'array', items: { ...single(desc), ...items } }
          : desc.fieldKind === 'map'
            ? { type: 'object', additionalProperties: single(desc) }
            : single(desc);
      return described(`${desc.parent.typeName}.${desc.name}`, { ...schema, ...keywords }, sentences);
    }
    /** Returns the schema of a field's value, or of one value of a list or map. */
    function single(desc: DescField): JsonObject {
      if (desc.message) return message(desc.message);
      if (desc.enum) return enumeration(desc.enum);
      return scalar(desc.scalar ?? ScalarType.STRING);
    }
    return {
      message,
      field,
      without,
      required: (desc, omitted = []) => desc.fields.some((each) => !omitted.includes(each) && isRequired(each)),
    };
  }
}

/** Returns messages and those within them. */
function withNested(messages: Iterable<DescMessage>): ReadonlySet<DescMessage> {
  const found = new Set(messages);
  // A set's iteration includes what is added on the way.
  for (const { fields } of found) for (const { message } of fields) if (message) found.add(message);
  return found;
}

function scalar(type: ScalarType): JsonObject {
  switch (type) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.DOUBLE:
      return { type: 'number', format: 'double' };
    case ScalarType.FLOAT:
      return { type: 'number', format: 'float' };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', format: 'int32' };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0, maximum: 4_294_967_295 };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: 'string', format: 'uint64', pattern: '^[0-9]+$' };
    default:
      return { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' };
  }
}

const anyValue: JsonValue = {};

/** JSON forms of the well-known types (proto3 JSON mapping). */
const forms: Record<string, JsonObject> = {
  Timestamp: { type: 'string', format: 'date-time' },
  Duration: { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]{1,9})?s$' },
  FieldMask: { type: 'string', description: 'Comma-separated field names.' },
  Struct: { type: 'object', additionalProperties: anyValue },
  Value: {},
  ListValue: { type: 'array', items: anyValue },
  Any: { type: 'object', properties: { '@type': { type: 'string' } }, required: ['@type'] },
  Empty: { type: 'object' },
  StringValue: scalar(ScalarType.STRING),
  BytesValue: scalar(ScalarType.BYTES),
  BoolValue: scalar(ScalarType.BOOL),
  DoubleValue: scalar(ScalarType.DOUBLE),
  FloatValue: scalar(ScalarType.FLOAT),
  Int32Value: scalar(ScalarType.INT32),
  UInt32Value: scalar(ScalarType.UINT32),
  Int64Value: scalar(ScalarType.INT64),
  UInt64Value: scalar(ScalarType.UINT64),
};

function wellKnown(desc: DescMessage): JsonObject | undefined {
  return desc.file.proto.package === 'google.protobuf' ? forms[desc.name] : undefined;
}
