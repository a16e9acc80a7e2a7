export { produces, record } from './store.ts';
