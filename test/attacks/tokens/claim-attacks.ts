import { headerOf, type Rig, signText } from '../rig.ts';
import { type Attack, forged } from './attack.ts';

/** A valid signature with a wrong claim; `undefined` removes the claim. */
function withClaims(
  name: string,
  change: (good: Record<string, unknown>, now: number) => Record<string, unknown>,
): Attack {
  return forged(name, (rig) => {
    const good = rig.claims();
    return rig.mint({ ...good, ...change(good, Math.floor(Date.now() / 1_000)) });
  });
}

/** A valid signature over any payload. */
function withPayload(name: string, payload: (rig: Rig) => string | Buffer, more: Partial<Attack> = {}): Attack {
  return forged(name, (rig) => signText(JSON.stringify(headerOf(rig.key)), payload(rig), rig.key), more);
}

/** The valid claims as text, with one more member. */
const after = (rig: Rig, member: string) => JSON.stringify(rig.claims()).replace(/\}$/, `,${member}}`);

/** The valid claims as text, with one claim written differently. */
const written = (rig: Rig, claim: string, text: string) =>
  JSON.stringify({ ...rig.claims(), [claim]: '@' }).replace('"@"', text);

const times = ['exp', 'iat', 'auth_time'] as const;
const needed = ['iss', 'aud', 'sub', 'sid', 'jti', 'client_id', 'scope', 'roles', 'amr', ...times];
/** These claims may be missing. */
const optional = ['email', 'acr'];

/** Attacks through the claims of a token. */
export const claimAttacks: readonly Attack[] = [
  ...needed.map((claim) => withClaims(`${claim} missing`, () => ({ [claim]: undefined }))),
  ...[...needed, ...optional].map((claim) => withClaims(`${claim} null`, () => ({ [claim]: null }))),
  withClaims('cnf of a DPoP key without a proof', () => ({ cnf: { jkt: 'b'.repeat(43) } })),
  withClaims('cnf of a certificate', () => ({ cnf: { 'x5t#S256': 'b'.repeat(43) } })),
  withClaims('cnf empty', () => ({ cnf: {} })),
  withClaims('aud of services of the fleet', () => ({ aud: 'signet:fleet' })),
  ...[...times, 'nbf'].flatMap((claim) => [
    withClaims(`${claim} a string`, ({ iat, exp }) => ({ [claim]: String(claim === 'exp' ? exp : iat) })),
    withClaims(`${claim} with a fraction`, ({ iat, exp }) => ({ [claim]: Number(claim === 'exp' ? exp : iat) + 0.5 })),
    withClaims(`${claim} negative`, () => ({ [claim]: -1 })),
    withClaims(`${claim} in a list`, ({ iat, exp }) => ({ [claim]: [claim === 'exp' ? exp : iat] })),
    withPayload(`${claim} 1e400`, (rig) => written(rig, claim, '1e400')),
    withPayload(`${claim} beyond the exact integers of a double`, (rig) => written(rig, claim, '9007199254740993')),
  ]),
  withClaims('exp past', (_, now) => ({ iat: now - 900, auth_time: now - 900, nbf: now - 900, exp: now - 6 })),
  withClaims('exp 0', () => ({ exp: 0 })),
  withClaims('exp before iat', (_, now) => ({ iat: now + 4, exp: now + 3 })),
  withClaims('exp at iat', (_, now) => ({ iat: now, exp: now })),
  withClaims('exp one second more than an hour after iat', (_, now) => ({ iat: now, exp: now + 3_601 })),
  withClaims('exp in a hundred years', (_, now) => ({ exp: now + 3_155_760_000 })),
  withClaims('exp true', () => ({ exp: true })),
  withPayload('exp NaN', (rig) => written(rig, 'exp', 'NaN')),
  withClaims('iat ahead of the clock', (_, now) => ({ iat: now + 30, exp: now + 900 })),
  withClaims('iat in 1970', (_, now) => ({ iat: 0, auth_time: 0, exp: now + 900 })),
  withClaims('nbf ahead of the clock', (_, now) => ({ nbf: now + 30 })),
  withClaims('nbf null', () => ({ nbf: null })),
  withClaims('auth_time after iat', (_, now) => ({ iat: now, auth_time: now + 60 })),
  withClaims('iss another', () => ({ iss: 'https://attacker.test' })),
  withClaims('iss with a trailing slash', ({ iss }) => ({ iss: `${String(iss)}/` })),
  withClaims('iss in upper case', ({ iss }) => ({ iss: String(iss).toUpperCase() })),
  withClaims('iss that starts with the issuer of Signet', ({ iss }) => ({ iss: `${String(iss)}.attacker.test` })),
  withClaims('iss a list', ({ iss }) => ({ iss: [iss] })),
  withClaims('iss empty', () => ({ iss: '' })),
  withClaims('aud another', () => ({ aud: 'another' })),
  withClaims('aud a list of others', () => ({ aud: ['another', 'one more'] })),
  withClaims('aud an empty list', () => ({ aud: [] })),
  withClaims('aud a list in a list', ({ aud }) => ({ aud: [[aud]] })),
  withClaims('aud a list with a number and the valid audience', ({ aud }) => ({ aud: [aud, 1] })),
  withClaims('aud an object', ({ aud }) => ({ aud: { [String(aud)]: true } })),
  withClaims('aud with a space', ({ aud }) => ({ aud: `${String(aud)} ` })),
  withClaims('aud that starts with the valid audience', ({ aud }) => ({ aud: `${String(aud)}-admin` })),
  withClaims('sub empty', () => ({ sub: '' })),
  withClaims('sub an object', ({ sub }) => ({ sub: { id: sub } })),
  withClaims('sub a list', ({ sub }) => ({ sub: [sub] })),
  withClaims('sub a number', () => ({ sub: 1 })),
  withClaims('sub a name', () => ({ sub: 'admin' })),
  withClaims('sub SQL', ({ sub }) => ({ sub: `${String(sub)}' OR '1'='1` })),
  withClaims('sub a client', ({ client_id: client }) => ({ sub: client })),
  withClaims('sid empty', () => ({ sid: '' })),
  withClaims('sid an object', ({ sid }) => ({ sid: { id: sid } })),
  withClaims('no sid, like a service token', ({ client_id: client }) => ({ sid: undefined, sub: client })),
  withClaims('jti a number', () => ({ jti: 1 })),
  withClaims('client_id a list', ({ client_id: client }) => ({ client_id: [client] })),
  withClaims('roles a string', () => ({ roles: 'admin' })),
  withClaims('roles an object', () => ({ roles: { admin: true, length: 1, 0: 'admin' } })),
  withClaims('roles a list of lists', () => ({ roles: [['admin']] })),
  withClaims('scope a list', () => ({ scope: ['admin'] })),
  withClaims('email an object', () => ({ email: {} })),
  withClaims('amr a string', () => ({ amr: 'pwd' })),
  withClaims('acr a number', () => ({ acr: 1 })),
  withPayload('sub twice', (rig) => after(rig, `"sub":"${crypto.randomUUID()}"`)),
  withPayload('sub twice, once escaped', (rig) => after(rig, String.raw`"\u0073ub":"${crypto.randomUUID()}"`)),
  withPayload('exp twice', (rig) => after(rig, '"exp":9999999999')),
  withPayload('roles twice', (rig) => after(rig, '"roles":["admin"]')),
  withPayload('a duplicate name in a nested object', (rig) => after(rig, '"x":{"a":1,"a":2}')),
  withPayload('claims in __proto__', (rig) => `{"__proto__":${JSON.stringify(rig.claims())}}`),
  withPayload('claims in a list', (rig) => JSON.stringify([rig.claims()])),
  withPayload('claims in a string', (rig) => JSON.stringify(JSON.stringify(rig.claims()))),
  withPayload('no claims', () => '{}'),
  withPayload('claims null', () => 'null'),
  withPayload('claims not JSON', () => 'sub=admin'),
  withPayload('text after the claims', (rig) => `${JSON.stringify(rig.claims())} {}`),
  withPayload('a byte order mark before the claims', (rig) => `\uFEFF${JSON.stringify(rig.claims())}`),
  withPayload('claims in UTF-16', (rig) => Buffer.from(JSON.stringify(rig.claims()), 'utf16le')),
  withPayload('claims that are not UTF-8', (rig) => Buffer.from(after(rig, '"x":"\u00e9"'), 'latin1')),
  withPayload('claims nested 33 deep', (rig) => after(rig, `"x":${'['.repeat(32)}${']'.repeat(32)}`)),
  withPayload('claims nested 5,000 deep', (rig) => after(rig, `"x":${'['.repeat(5_000)}${']'.repeat(5_000)}`)),
  withPayload('claims that make the token longer than 8 KiB', (rig) => after(rig, `"x":"${'x'.repeat(8_192)}"`)),
  withPayload('claims of 1 MiB', (rig) => after(rig, `"x":"${'x'.repeat(1_048_576)}"`), { tooLarge: true }),
];
