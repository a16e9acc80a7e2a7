export type { Links, LinkStore } from './rules.ts';
export { endLinks, useLink } from './store.ts';
