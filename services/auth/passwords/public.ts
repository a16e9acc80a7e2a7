export type { PasswordAuthenticator } from './rules/authenticator.ts';
export type { Hasher } from './rules/hasher.ts';
export { acceptPassword } from './rules/password.ts';
