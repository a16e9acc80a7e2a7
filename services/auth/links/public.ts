export type { LinkMailer, LinkStore } from './rules.ts';
export { endLinks, useLink } from './store.ts';
