import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { constraintsOf } from './openapi-rules.ts';

/** Comments of protos by full name: `signet.auth.v1.LoginRequest.email`. */
export type Comments = Readonly<Record<string, string>>;

/** Converts descriptors to JSON Schemas. Messages and enums become components. */
export interface Schemas {
  /** Components created so far, by full name. */
  readonly components: JsonObject;
  /** Returns a reference to a message's component. */
  message(desc: DescMessage): JsonObject;
  /** Returns the schema of a field, with constraints and description. */
  field(field: DescField): JsonObject;
  /** Returns an inline schema of a message without the omitted fields. */
  without(desc: DescMessage, omitted: readonly DescField[]): JsonObject;
  /** Returns whether a request without the message is rejected. */
  required(desc: DescMessage, omitted?: readonly DescField[]): boolean;
}

/**
 * Creates an empty set of schemas. Messages in `inputs` reject unknown fields
 * (`additionalProperties: false`); others may get new fields. A field is `required`
 * if its rules reject the zero value.
 */
export function createSchemas(comments: Comments, inputs: ReadonlySet<DescMessage>): Schemas {
  const components: JsonObject = {};

  function reference(name: string, make: () => JsonObject): JsonObject {
    if (!Object.hasOwn(components, name)) {
      components[name] = {}; // ends the recursion if it contains itself
      components[name] = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }
  function described(full: string, schema: JsonObject): JsonObject {
    const description = comments[full];
    return description === undefined ? schema : { ...schema, description };
  }
  function message(desc: DescMessage): JsonObject {
    return wellKnown(desc) ?? reference(desc.typeName, () => object(desc, []));
  }
  function enumeration(desc: DescEnum): JsonObject {
    return reference(desc.typeName, () =>
      described(desc.typeName, { type: 'string', enum: desc.values.map(({ name }) => name) }),
    );
  }
  function object(desc: DescMessage, omitted: readonly DescField[]): JsonObject {
    const fields = desc.fields.filter((candidate) => !omitted.includes(candidate));
    const required = fields.filter((candidate) => constraintsOf(candidate).required).map(({ name }) => name);
    return described(desc.typeName, {
      type: 'object',
      ...(fields.length > 0 ? { properties: Object.fromEntries(fields.map((each) => [each.name, field(each)])) } : {}),
      ...(required.length > 0 ? { required } : {}),
      ...(inputs.has(desc) ? { additionalProperties: false } : {}),
    });
  }
  function field(desc: DescField): JsonObject {
    const { keywords, items } = constraintsOf(desc);
    const schema =
      desc.fieldKind === 'list'
        ? { type: 'array', items: { ...single(desc), ...items } }
        : desc.fieldKind === 'map'
          ? { type: 'object', additionalProperties: single(desc) }
          : single(desc);
    return described(`${desc.parent.typeName}.${desc.name}`, { ...schema, ...keywords });
  }
  /** Returns the schema of a field's value, or of one value of a list or map. */
  function single(desc: DescField): JsonObject {
    if (desc.message) return message(desc.message);
    if (desc.enum) return enumeration(desc.enum);
    return scalar(desc.scalar ?? ScalarType.STRING);
  }

  return {
    components,
    message,
    field,
    without: object,
    required: (desc, omitted = []) =>
      desc.fields.some((each) => !omitted.includes(each) && constraintsOf(each).required),
  };
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
