export { toUserMessage } from './handler.ts';
export type { User, UserStore } from './rules.ts';
export { createUserStore, lockUser, toUser, userColumns, type UserRow } from './store.ts';
