import { CallHeaders } from '#kit/guard/call-headers.ts';
import type { Fields } from '../reply.ts';
import { readBlock } from './hpack.ts';

/** Fields that belong to a connection of HTTP/1 (RFC 9113 section 8.2.2). */
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/**
 * Reads the fields of a response or of its trailers.
 * @returns `malformed` if they are not those of HTTP/2 (RFC 9113 section 8.1.1)
 * @throws ConnectionFault if the block is invalid
 */
export function readResponse(block: Buffer, areTrailers: boolean): Fields | 'malformed' | 'too large' {
  const headers = new CallHeaders();
  let http: string | undefined;
  let status: string | undefined;
  let message: string | undefined;
  let isMalformed = false;
  let isRegular = false;
  const isWhole = readBlock(block, (name, value) => {
    if (name === ':status') {
      isMalformed ||= areTrailers || isRegular || http !== undefined || !/^[1-9]\d\d$/.test(value);
      http = value;
      return;
    }
    isRegular = true;
    // One of each: a second one is as if there were none.
    if (name === 'grpc-status') status = status === undefined ? value : '';
    else if (name === 'grpc-message') message = message === undefined ? value : '';
    else if (ofConnection.has(name) || !/^[^A-Z:]+$/.test(name)) isMalformed = true;
    else isMalformed ||= !appended(headers, name, value);
  });
  if (!isWhole) return 'too large';
  if (isMalformed || (!areTrailers && http === undefined)) return 'malformed';
  return { http, status, message, headers };
}

function appended(headers: CallHeaders, name: string, value: string): boolean {
  try {
    headers.append(name, value);
    return true;
  } catch {
    return false;
  }
}
