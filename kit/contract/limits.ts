import type { Bounds } from '#kit/net/bound.ts';

/**
 * Largest request message, in bytes, at every door and on every gRPC port, of a
 * method that declares no other (signet.policy.v1.edge). The largest honest one
 * has a few KiB, and reading and checking much more would keep the event loop busy.
 */
export const maxRequestBytes = 64 * 1024;

/** All headers of a request together, in bytes, at every door and on every gRPC port. */
export const maxHeaderBytes = 16 * 1024;

/** Streaming calls that a service has open at once, where its configuration says nothing else. */
export const defaultStreams: Bounds = { total: 2_000, perAddress: 32 };
