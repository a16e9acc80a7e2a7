// The gate of Connect: @signet/guard/connect.
export { connectGate, guardedConnect, identityOf, userOf } from '../../kit/guard/connect.ts';
