export type { FirstAdmin } from './rules/first-admin.ts';
