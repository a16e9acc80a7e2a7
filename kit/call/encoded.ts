import { type DescMessage, fromBinary, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';

const known = new WeakMap<Message, Uint8Array>();

/**
 * Returns a message with a part that is already encoded, for a message that many streams send: its transports write the
 * part as it is, and nothing decodes it unless a reader asks for the field.
 * @param message the rest of the message
 * @param field the repeated field of the part
 * @param part the field on the wire, with its tags
 */
export function withEncoded<D extends DescMessage>(
  desc: D,
  message: MessageShape<D>,
  field: keyof MessageShape<D> & string,
  part: Uint8Array,
): MessageShape<D> {
  // The fields of a message may come in any order, and a repeated one in several parts.
  known.set(message, Buffer.concat([toBinary(desc, message), part]));
  let decoded: unknown;
  return Object.defineProperty(message, field, {
    enumerable: true,
    get: () => (decoded ??= fromBinary(desc, part)[field]),
  });
}

/** Encodes a message. */
export function encode<D extends DescMessage>(desc: D, message: MessageShape<D>): Buffer {
  const { buffer, byteOffset, byteLength } = known.get(message) ?? toBinary(desc, message);
  return Buffer.from(buffer, byteOffset, byteLength);
}
