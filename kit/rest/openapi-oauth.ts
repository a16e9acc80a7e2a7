import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { errorCodes } from './oauth.ts';

/** Schema of an error response to a form. */
export const oauthErrorSchema: JsonObject = {
  type: 'object',
  description: 'An error of a token endpoint (RFC 6749 section 5.2).',
  properties: {
    error: { type: 'string', enum: [...errorCodes], description: 'The machine-readable reason.' },
    error_description: { type: 'string', description: 'The fault, for people.' },
  },
  required: ['error'],
};

/** Returns the content of a request that is a form, by its schema as JSON. Unlike JSON, it may have unknown parameters. */
export function formContent(json: JsonObject, example?: JsonValue): JsonObject {
  const { additionalProperties: _, ...schema } = json;
  return { 'application/x-www-form-urlencoded': { schema, ...(example === undefined ? {} : { example }) } };
}

/** Adds the format of a response to a form to an error response. */
export function withOAuthError(response: JsonObject): JsonObject {
  const content = response['content'] as JsonObject;
  return {
    ...response,
    content: { ...content, 'application/json': { schema: { $ref: '#/components/schemas/OAuthError' } } },
  };
}
