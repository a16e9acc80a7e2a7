import {
  type DescMethod,
  fromJsonString,
  getOption,
  hasOption,
  type JsonObject,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { isDeepStrictEqual } from 'node:util';
import { example } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { nameOf } from './method-name.ts';
import { assertValid } from './validation.ts';

/** Returns the example of a method as JSON with the proto's field names; undefined without one. */
export function exampleJson(method: DescMethod): JsonObject | undefined {
  return hasOption(method, example) ? (JSON.parse(getOption(method, example)) as JsonObject) : undefined;
}

/**
 * Returns the example request of a method (signet.policy.v1.example).
 * @throws Error if it is missing, is not the JSON of a request with the proto's field names, or violates the request's
 * rules
 */
export function exampleOf(method: DescMethod): Message {
  const name = nameOf(method);
  if (!hasOption(method, example)) throw new Error(`${name} has no example`);
  let message: Message;
  try {
    message = fromJsonString(method.input, getOption(method, example), { ignoreUnknownFields: false });
  } catch (error) {
    throw new Error(`${name}: its example is not a valid ${method.input.name}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (!isDeepStrictEqual(toJson(method.input, message, { useProtoFieldName: true }), exampleJson(method))) {
    throw new Error(`${name}: its example must use the proto's field names and must not set defaults`);
  }
  try {
    assertValid(method.input, message);
  } catch (error) {
    const faults = violationsOf(error).map(({ field, description }) => `${field} ${description}`);
    throw new Error(`${name}: its example is not valid: ${faults.join(', ')}`, { cause: error });
  }
  return message;
}
