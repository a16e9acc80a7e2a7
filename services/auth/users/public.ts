export { toUserMessage } from './handler.ts';
export { normalizeEmail, type User, type UserStore } from './rules.ts';
export { createUserStore, lockUser, toUser, userColumns, type UserRow } from './store.ts';
