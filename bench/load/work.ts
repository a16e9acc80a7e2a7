import type { Asking } from './http.ts';

/** A repeatable operation with an assertion. */
export interface Work {
  /** Runs once in one of several parallel chains; a chain is sequential. @throws Error on an unexpected response */
  readonly once: (chain: number) => Promise<void>;
  /** Operations per call of `once`, for operations that are too fast to time individually; default 1. */
  readonly batch?: number;
  /** Called after each load: closes connections that a server would close while other cases have their turn. */
  readonly pause?: () => unknown;
  readonly close: () => unknown;
}

/** Specification of a load, sent to the load generator as JSON. */
export type Spec =
  | {
      readonly kind: 'profile-rest';
      /** Origin and path of the request. */
      readonly url: string;
      /** Headers with credentials, one per chain. */
      readonly headers: readonly Readonly<Record<string, string>>[];
    }
  | {
      readonly kind: 'profile-grpc';
      /** host:port of the user service. */
      readonly target: string;
      readonly tokens: readonly string[];
      readonly client: 'grpc-js' | 'http2';
    }
  /** A repeated request and its expected status. */
  | { readonly kind: 'request'; readonly request: Asking; readonly status: number }
  | {
      readonly kind: 'refresh';
      readonly url: string;
      readonly refreshTokens: readonly string[];
      /** Fields of a form (RFC 6749) to send instead of JSON. */
      readonly form?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'login';
      readonly url: string;
      readonly emails: readonly string[];
      readonly password: string;
      /** Field of the response with the token; default `access_token`. */
      readonly token?: string;
    }
  | {
      /** RFC 6749 section 4.4 with private_key_jwt (RFC 7523). */
      readonly kind: 'client-credentials';
      readonly url: string;
      readonly client: string;
      /** PKCS#8, PEM. */
      readonly key: string;
      /** Of the assertion. */
      readonly audience: string;
      /** Further fields of a form to send instead of JSON. */
      readonly form?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'list';
      readonly urls: readonly string[];
      readonly tokens: readonly string[];
      /** The response field with the items; it must not be empty. */
      readonly items: string;
    }
  | {
      readonly kind: 'raw-refresh';
      readonly databaseUrl: string;
      readonly sessions: readonly string[];
      readonly signs: boolean;
      readonly updates: boolean;
    }
  | {
      readonly kind: 'audited';
      readonly databaseUrl: string;
      /** Connections of the acts, one for each chain. */
      readonly connections: number;
      /** An audit event alone, or a session with all that its sign-in writes. */
      readonly act: 'event' | 'session';
    }
  | { readonly kind: 'raw-hash'; readonly memory: number; readonly passes: number }
  | {
      readonly kind: 'verify';
      readonly alg: 'RS256' | 'ES256' | 'EdDSA';
      readonly by: 'guard, cached' | 'guard, uncached' | 'jose' | 'node:crypto';
    };

/** How many do work at once, and how often. */
export interface Pace {
  readonly chains: number;
  /** Operations per second of all chains together; default: as many as complete. */
  readonly rate?: number;
}

/** Result of a load. */
export interface Load {
  readonly operations: number;
  readonly seconds: number;
  /** Total CPU time of the load generator, µs. */
  readonly cpu: number;
  /** Utilization of its event loop, 0 to 1. */
  readonly loop: number;
  /** Latency, ms. */
  readonly p50: number;
  readonly p99: number;
}
