export { setDeviceCookie, sourceOf } from './handler.ts';
export type { DeviceTokens } from './rules/device-token.ts';
export type { Limits, PasswordTry } from './rules/limits.ts';
export type { Source } from './rules/source.ts';
