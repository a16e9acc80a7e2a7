export type { KnownService } from './rules.ts';
