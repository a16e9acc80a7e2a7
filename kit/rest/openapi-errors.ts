import type { JsonObject } from '@bufbuild/protobuf';
import { kitReasons } from '#kit/errors/reasons.ts';
import type { ReasonEntry } from '#kit/guard/reasons.ts';

/** What a document says of reasons, by name. */
export type DocumentedReasons = Readonly<Record<string, Pick<ReasonEntry, 'status' | 'title'>>>;

/** A method's comment, taken apart. */
export interface MethodComment {
  /** The first sentence. */
  readonly summary: string;
  /** All but the list of errors. */
  readonly description: string;
  /** The reasons that "Errors: A, B." lists. */
  readonly reasons: readonly string[];
}

/** Reads a method's comment. @throws Error where it lists a reason that is not known */
export function readComment(comment: string, name: string, known: DocumentedReasons): MethodComment {
  const paragraphs = comment.split('\n\n');
  const listed = paragraphs.find((paragraph) => paragraph.startsWith('Errors:')) ?? '';
  const description = paragraphs.filter((paragraph) => paragraph !== listed).join('\n\n');
  const reasons = listed.slice('Errors:'.length).match(/[A-Z][A-Z0-9_]+/g) ?? [];
  const unknown = reasons.find((word) => !Object.hasOwn(known, word));
  if (unknown) throw new Error(`${name}: its comment lists ${unknown}, which is a reason of no service`);
  return {
    summary: /^[^]*?(?:[.:](?=\s|$)|$)/.exec(description)?.[0].replace(/[.:]$/, '') ?? '',
    description,
    reasons,
  };
}

/** All that a document knows: the kit's reasons and the services'. */
export function documentedReasons(ofServices: DocumentedReasons): DocumentedReasons {
  return { ...ofServices, ...kitReasons };
}

/** Error responses by status, each with the codes that it may have. */
export function errorResponses(reasons: readonly string[], known: DocumentedReasons): JsonObject {
  const byStatus = Map.groupBy(new Set(reasons), (reason) => known[reason]?.status ?? 500);
  const responses: JsonObject = {};
  for (const [status, codes] of [...byStatus].toSorted(([a], [b]) => a - b)) {
    responses[String(status)] = {
      description: codes.map((code) => known[code]?.title).join(' '),
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
    metadata: {
      type: 'object',
      description: 'What programs need besides the code.',
      additionalProperties: { type: 'string' },
    },
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
