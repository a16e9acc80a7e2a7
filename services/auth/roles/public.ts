export { isBuiltIn, scopesFor } from './rules/scopes.ts';
