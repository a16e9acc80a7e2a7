import type { JsonObject } from '@bufbuild/protobuf';
import { kitReasons } from '#kit/errors/reasons.ts';
import type { ReasonEntry } from '#kit/guard/reasons.ts';

/** Reasons in a document, by name. */
export type DocumentedReasons = Readonly<Record<string, Pick<ReasonEntry, 'status' | 'title'>>>;

/** A method's comment, parsed. */
export interface MethodComment {
  /** The first sentence. */
  readonly summary: string;
  /** The comment without the list of errors. */
  readonly description: string;
  /** The reasons in "Errors: A, B." */
  readonly reasons: readonly string[];
}

/** Parses a method's comment. @throws Error if it lists an unknown reason */
export function readComment(comment: string, name: string, known: DocumentedReasons): MethodComment {
  const paragraphs = comment.split('\n\n');
  const listed = paragraphs.find((paragraph) => paragraph.startsWith('Errors:')) ?? '';
  const description = paragraphs.filter((paragraph) => paragraph !== listed).join('\n\n');
  const reasons = listed.slice('Errors:'.length).match(/[A-Z][A-Z0-9_]+/g) ?? [];
  const unknown = reasons.find((word) => !Object.hasOwn(known, word));
  if (unknown) throw new Error(`${name}: its comment lists the unknown reason ${unknown}`);
  return {
    summary: /^[^]*?(?:[.:](?=\s|$)|$)/.exec(description)?.[0].replace(/[.:]$/, '') ?? '',
    description,
    reasons,
  };
}

/** Returns the reasons of a document: the kit's and the services'. */
export function documentedReasons(ofServices: DocumentedReasons): DocumentedReasons {
  return { ...ofServices, ...kitReasons };
}

/** Returns the error responses by status, each with its possible codes. @throws Error on an unknown reason */
export function errorResponses(reasons: readonly string[], known: DocumentedReasons): Record<string, JsonObject> {
  const byStatus = Map.groupBy(new Set(reasons), (reason) => {
    const entry = known[reason];
    if (!entry) throw new Error(`the document names the unknown reason ${reason}`);
    return entry.status;
  });
  const responses: Record<string, JsonObject> = {};
  for (const [status, codes] of [...byStatus].toSorted(([a], [b]) => a - b)) {
    responses[String(status)] = {
      description: codes.map((code) => known[code]?.title).join(' '),
      content: {
        'application/problem+json': {
          schema: {
            allOf: [
              { $ref: '#/components/schemas/Problem' },
              { type: 'object', properties: { code: { type: 'string', enum: codes } }, required: ['code'] },
            ],
          },
        },
      },
    };
  }
  return responses;
}

/** Response for any other error. */
export const defaultResponse: JsonObject = {
  description: 'Any other error.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** Schema of an error response. */
export const problemSchema: JsonObject = {
  type: 'object',
  description: 'An error (RFC 9457).',
  properties: {
    type: { type: 'string', format: 'uri', description: '`urn:signet:error:` followed by the code.' },
    title: { type: 'string', description: 'Summary, the same for every error with this code.' },
    status: { type: 'integer', description: 'The HTTP status.' },
    detail: { type: 'string', description: 'Explanation specific to this error.' },
    instance: { type: 'string', format: 'uri-reference', description: 'Path of the request.' },
    code: { type: 'string', description: 'The machine-readable reason.' },
    request_id: { type: 'string', description: 'Id of the request in logs.' },
    metadata: {
      type: 'object',
      description: 'Further machine-readable values.',
      additionalProperties: { type: 'string' },
    },
    errors: {
      type: 'array',
      description: 'The invalid fields.',
      items: {
        type: 'object',
        properties: {
          field: { type: 'string', description: 'Path of the field: `address.city`.' },
          description: { type: 'string', description: 'The fault, for people.' },
          reason: {
            type: 'string',
            description:
              'The fault, for programs: the rule that the field violates, such as `STRING_MIN_LEN`, or a reason of the service.',
          },
        },
        required: ['field', 'description', 'reason'],
      },
    },
  },
  required: ['type', 'title', 'status', 'instance', 'code'],
};
