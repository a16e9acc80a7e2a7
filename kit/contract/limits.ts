import type { Bounds } from '#kit/net/bound.ts';

/**
 * Default maximum size of a request message, in bytes, on every HTTP and gRPC
 * port (signet.policy.v1.edge). Real messages have a few KiB; parsing and
 * validating much larger ones would block the event loop.
 */
export const maxRequestBytes = 64 * 1024;

/** Maximum total size of the request headers, in bytes, on every HTTP and gRPC port. */
export const maxHeaderBytes = 16 * 1024;

/** Default maximum number of open streaming calls of a service. */
export const defaultStreams: Bounds = { total: 2_000, perAddress: 32 };
