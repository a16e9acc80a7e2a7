export { secondsFromNow, tokensFromNow, tookLong } from './store/tokens-from.ts';
