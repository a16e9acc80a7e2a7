import { type DescMessage, fromJsonString, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { failure } from '#kit/errors/failure.ts';
import { diagnose } from './diagnose.ts';

/**
 * The message that a JSON text is.
 * @throws INVALID_ARGUMENT with every field at fault, never its value
 */
export function decode<D extends DescMessage>(desc: D, text: string): MessageShape<D> {
  try {
    return fromJsonString(desc, text);
  } catch {
    const fields = diagnose(desc, parse(text));
    // fromJsonString also refuses what parsing hides: the same name twice.
    throw failure('INVALID_ARGUMENT', {
      fields: fields.length > 0 ? fields : [{ field: '$body', description: 'A name or a choice is given twice.' }],
    });
  }
}

/** The value that a JSON text is. @throws INVALID_ARGUMENT where it is none, without any of it */
export function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw failure('INVALID_ARGUMENT', { fields: [{ field: '$body', description: 'Not valid JSON.' }] });
  }
}
