import { type DescField, type DescMessage, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';

/** Text format of a field in a path or query. */
export interface TextForm {
  /** Converts a text to a JSON value; undefined if it is invalid. `fromJson` checks ranges. */
  readonly toJson: (text: string) => JsonValue | undefined;
  /** The requirement, as a sentence. */
  readonly description: string;
}

const integer = /^-?(?:0|[1-9][0-9]*)$/;
const decimal = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const duration = /^-?[0-9]{1,12}(?:\.[0-9]{1,9})?s$/;

const string: TextForm = { toJson: (text) => text, description: 'Must be a string.' };
const bool: TextForm = {
  toJson: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  description: 'Must be true or false.',
};
const bytes: TextForm = { toJson: (text) => text, description: 'Must be base64.' };
const whole: TextForm = {
  toJson: (text) => (integer.test(text) ? text : undefined),
  description: 'Must be a whole number in range.',
};
const float: TextForm = {
  toJson: (text) => (decimal.test(text) || /^(?:NaN|-?Infinity)$/.test(text) ? text : undefined),
  description: 'Must be a number in range.',
};
const enumeration: TextForm = {
  toJson: (text) => (integer.test(text) ? Number(text) : text),
  description: 'Must be the name or number of an enum value.',
};

const wellKnown: Record<string, TextForm> = {
  'google.protobuf.Timestamp': { toJson: (text) => text, description: 'Must be an RFC 3339 time.' },
  'google.protobuf.Duration': {
    toJson: (text) => (duration.test(text) ? text : undefined),
    description: 'Must be seconds such as 1.5s.',
  },
  'google.protobuf.FieldMask': { toJson: camelMask, description: 'Must be comma-separated field names.' },
};

/** Returns whether a field is a field mask. */
export function isMask({ fieldKind, message }: DescField): boolean {
  return fieldKind === 'message' && message?.typeName === 'google.protobuf.FieldMask';
}

/** Returns the text of a field mask with the names of proto3 JSON: `image_url` as `imageUrl`. */
export function camelMask(text: string): string {
  return text.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Returns the text format of a field or of a list's items: scalars, enums and the
 * well-known types whose JSON form is a string. undefined for all others.
 */
export function textFormOf(field: DescField): TextForm | undefined {
  if (field.fieldKind === 'map') return undefined;
  if (field.enum) return enumeration;
  if (field.message) return field.fieldKind === 'message' ? textFormOfMessage(field.message) : undefined;
  return field.scalar === undefined ? undefined : textFormOfScalar(field.scalar);
}

function textFormOfMessage(message: DescMessage): TextForm | undefined {
  if (isWrapperDesc(message)) return textFormOfScalar(message.fields[0].scalar);
  return wellKnown[message.typeName];
}

function textFormOfScalar(scalar: ScalarType): TextForm {
  switch (scalar) {
    case ScalarType.STRING:
      return string;
    case ScalarType.BOOL:
      return bool;
    case ScalarType.BYTES:
      return bytes;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return float;
    default:
      return whole;
  }
}

/** Returns the requirement on a field's value, as a sentence for an error. */
export function describeField(field: DescField): string {
  if (field.fieldKind === 'list') return 'Must be a list of values of the field type.';
  if (field.fieldKind === 'map') return 'Must be an object with values of the field type.';
  return textFormOf(field)?.description ?? 'Must be a value of the field type.';
}
