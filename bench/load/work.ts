import type { Asking } from './http.ts';

/** Something to do over and over, and to assert each time. */
export interface Work {
  /**
   * Does it, in one of several chains that run side by side; within a chain, one
   * follows another. @throws where the answer is not the one that it must be
   */
  readonly once: (chain: number) => Promise<void>;
  /** How many operations `once` is; one unless told. For what is too quick to be timed one by one. */
  readonly batch?: number;
  readonly close: () => unknown;
}

/** Which work, and on what. It crosses to the process that does it as JSON. */
export type Spec =
  | {
      readonly kind: 'profile-rest';
      /** Origin and path of what is asked. */
      readonly url: string;
      /** Access tokens; each chain has its own. */
      readonly tokens: readonly string[];
    }
  | {
      readonly kind: 'profile-grpc';
      /** host:port of the user service. */
      readonly target: string;
      readonly tokens: readonly string[];
      readonly client: 'grpc-js' | 'http2';
    }
  /** The same request over and over, and the status that it must have. */
  | { readonly kind: 'request'; readonly request: Asking; readonly status: number }
  | { readonly kind: 'refresh'; readonly url: string; readonly refreshTokens: readonly string[] }
  | { readonly kind: 'login'; readonly url: string; readonly emails: readonly string[]; readonly password: string }
  | {
      readonly kind: 'list';
      readonly urls: readonly string[];
      readonly tokens: readonly string[];
      /** The field of the answer that holds what is listed; it must not be empty. */
      readonly items: string;
    }
  | {
      readonly kind: 'raw-refresh';
      readonly databaseUrl: string;
      readonly sessions: readonly string[];
      readonly signs: boolean;
      readonly updates: boolean;
    }
  | { readonly kind: 'raw-hash'; readonly memory: number; readonly passes: number }
  | {
      readonly kind: 'verify';
      readonly alg: 'RS256' | 'ES256' | 'EdDSA';
      readonly by: 'guard, remembered' | 'guard, anew' | 'jose' | 'node:crypto';
    };

/** What came of doing it for a while. */
export interface Load {
  readonly operations: number;
  readonly seconds: number;
  /** CPU time of the process that did it, µs in all. */
  readonly cpu: number;
  /** Share of the time that its event loop was busy, 0 to 1. */
  readonly loop: number;
  /** Milliseconds from asking to the answer. */
  readonly p50: number;
  readonly p99: number;
}
