import { type DescMessage, fromJsonString, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { failure } from '#kit/errors/failure.ts';
import { diagnose } from './diagnose.ts';
import { camelMask, isMask } from './field-text.ts';

/**
 * Parses a JSON text into a message. A field mask may have the proto's field names, as the rest of the text: proto3 JSON
 * knows only `imageUrl` in a mask, and not `image_url`.
 * @throws INVALID_ARGUMENT naming all invalid fields, never their values
 */
export function decode<D extends DescMessage>(desc: D, text: string): MessageShape<D> {
  try {
    return fromJsonString(desc, text);
  } catch {
    const camel = withCamelMasks(desc, text);
    if (camel !== text) return decode(desc, camel);
    const fields = diagnose(desc, parse(text));
    // fromJsonString also rejects duplicate names, which JSON.parse hides.
    throw failure('INVALID_ARGUMENT', {
      fields:
        fields.length > 0
          ? fields
          : [
              {
                field: '$body',
                description: 'A name is repeated, or several fields of a oneof are set.',
                reason: 'REPEATED',
              },
            ],
    });
  }
}

/** A JSON text with the names of field masks as proto3 JSON has them. A key within a string has escaped quotes. */
function withCamelMasks(desc: DescMessage, text: string): string {
  const keys = desc.fields.filter(isMask).flatMap(({ name, jsonName }) => [name, jsonName]);
  if (keys.length === 0) return text;
  const masks = new RegExp(`("(?:${keys.join('|')})"\\s*:\\s*)"([\\w.,]*)"`, 'g');
  return text.replaceAll(masks, (_, key: string, mask: string) => `${key}"${camelMask(mask)}"`);
}

/** Parses a JSON text. @throws INVALID_ARGUMENT, which does not quote the text */
export function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw failure('INVALID_ARGUMENT', {
      fields: [{ field: '$body', description: 'Not valid JSON.', reason: 'NOT_JSON' }],
    });
  }
}
