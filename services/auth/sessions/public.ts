export { setTokenCookies } from './handler/cookies.ts';
export { toTokenResponse } from './handler/messages.ts';
export type { Authentication } from './rules/authentication.ts';
export type { SignedIn } from './rules/session.ts';
export { ownClient, type Sessions } from './rules/sessions.ts';
export type { Tokens } from './rules/tokens.ts';
export { endSessions } from './store/end.ts';
