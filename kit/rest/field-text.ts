import { type DescField, type DescMessage, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';

/** How a field is written as text, in a path or a query. */
export interface TextForm {
  /** JSON value of a text; undefined where it is none. Ranges are for `fromJson` to check. */
  readonly toJson: (text: string) => JsonValue | undefined;
  /** What a text must be, as a sentence. */
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
  description: 'Must be the name or number of a value.',
};

const wellKnown: Record<string, TextForm> = {
  'google.protobuf.Timestamp': { toJson: (text) => text, description: 'Must be an RFC 3339 time.' },
  'google.protobuf.Duration': {
    toJson: (text) => (duration.test(text) ? text : undefined),
    description: 'Must be seconds such as 1.5s.',
  },
  'google.protobuf.FieldMask': { toJson: (text) => text, description: 'Must be field names, parted by commas.' },
};

/**
 * The text form of a field, or of a list's item: scalars, enums and the
 * well-known types whose JSON form is one text. Undefined for all others.
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

/** What a field's value must be, as a sentence for whoever sent something else. */
export function describeField(field: DescField): string {
  if (field.fieldKind === 'list') return 'Must be a list of values of the right kind.';
  if (field.fieldKind === 'map') return 'Must be an object with values of the right kind.';
  return textFormOf(field)?.description ?? 'Must be a value of the right kind.';
}
