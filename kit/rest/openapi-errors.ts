import type { JsonObject } from '@bufbuild/protobuf';
import { catalogue, isReason, type Reason } from '#kit/errors/catalogue.ts';

/** A method's comment, taken apart. */
export interface MethodComment {
  /** The first sentence. */
  readonly summary: string;
  /** All but the list of errors. */
  readonly description: string;
  /** The reasons that "Errors: A, B." lists. */
  readonly reasons: readonly Reason[];
}

/** Reads a method's comment. A reason that the catalogue does not have is an Error. */
export function readComment(comment: string, name: string): MethodComment {
  const paragraphs = comment.split('\n\n');
  const listed = paragraphs.find((paragraph) => paragraph.startsWith('Errors:')) ?? '';
  const description = paragraphs.filter((paragraph) => paragraph !== listed).join('\n\n');
  const reasons = (listed.slice('Errors:'.length).match(/[A-Z][A-Z_]+/g) ?? []).map((word) => {
    if (!isReason(word)) throw new Error(`${name}: its comment lists ${word}, which is no reason of the catalogue`);
    return word;
  });
  return {
    summary: /^[^]*?(?:[.:](?=\s|$)|$)/.exec(description)?.[0].replace(/[.:]$/, '') ?? '',
    description,
    reasons,
  };
}

/** Error responses by status, each with the codes that it may have. */
export function errorResponses(reasons: readonly Reason[]): JsonObject {
  const byStatus = Map.groupBy(new Set(reasons), (reason) => catalogue[reason].status);
  const responses: JsonObject = {};
  for (const [status, codes] of [...byStatus].toSorted(([a], [b]) => a - b)) {
    responses[String(status)] = {
      description: codes.map((code) => catalogue[code].title).join(' '),
      content: {
        'application/problem+json': {
          schema: {
            allOf: [{ $ref: '#/components/schemas/Problem' }],
            properties: { code: { enum: [...codes] } },
          },
        },
      },
    };
  }
  return responses;
}

/** Any other error. */
export const defaultResponse: JsonObject = {
  description: 'Any other error.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** Schema of an error answer. */
export const problemSchema: JsonObject = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  properties: {
    type: { type: 'string', format: 'uri', description: 'urn:signet:error: and the code.' },
    title: { type: 'string', description: 'One sentence, the same for every error of the code.' },
    status: { type: 'integer', description: 'The HTTP status.' },
    detail: { type: 'string', description: 'What the title does not say.' },
    instance: { type: 'string', format: 'uri-reference', description: 'Path of the request.' },
    code: { type: 'string', description: 'The reason, to program against.' },
    request_id: { type: 'string', description: 'Names the request in logs.' },
    errors: {
      type: 'array',
      description: 'The fields at fault.',
      items: {
        type: 'object',
        properties: { field: { type: 'string' }, description: { type: 'string' } },
        required: ['field', 'description'],
      },
    },
  },
  required: ['type', 'title', 'status', 'instance', 'code'],
};
