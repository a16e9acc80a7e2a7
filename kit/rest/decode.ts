import { type DescMessage, fromJsonString, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { failure } from '#kit/errors/failure.ts';
import { diagnose } from './diagnose.ts';

/**
 * Parses a JSON text into a message.
 * @throws INVALID_ARGUMENT naming all invalid fields, never their values
 */
export function decode<D extends DescMessage>(desc: D, text: string): MessageShape<D> {
  try {
    return fromJsonString(desc, text);
  } catch {
    const fields = diagnose(desc, parse(text));
    // fromJsonString also rejects duplicate names, which JSON.parse hides.
    throw failure('INVALID_ARGUMENT', {
      fields:
        fields.length > 0
          ? fields
          : [{ field: '$body', description: 'A name is repeated, or several fields of a oneof are set.' }],
    });
  }
}

/** Parses a JSON text. @throws INVALID_ARGUMENT, which does not quote the text */
export function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw failure('INVALID_ARGUMENT', { fields: [{ field: '$body', description: 'Not valid JSON.' }] });
  }
}
