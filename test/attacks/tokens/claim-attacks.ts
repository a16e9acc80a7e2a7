import { headerOf, type Rig, signText } from '../rig.ts';
import { type Attack, forged } from './attack.ts';

/** Well signed, with a claim that is not as it should be; `undefined` leaves it out. */
function claiming(
  name: string,
  change: (good: Record<string, unknown>, now: number) => Record<string, unknown>,
): Attack {
  return forged(name, (rig) => {
    const good = rig.claims();
    return rig.mint({ ...good, ...change(good, Math.floor(Date.now() / 1_000)) });
  });
}

/** Well signed, whatever the payload is. */
function saying(name: string, payload: (rig: Rig) => string | Buffer, more: Partial<Attack> = {}): Attack {
  return forged(name, (rig) => signText(JSON.stringify(headerOf(rig.key)), payload(rig), rig.key), more);
}

/** The good claims as text, with a member before or after them. */
const after = (rig: Rig, member: string) => JSON.stringify(rig.claims()).replace(/\}$/, `,${member}}`);

/** The good claims as text, one of them written otherwise. */
const written = (rig: Rig, claim: string, text: string) =>
  JSON.stringify({ ...rig.claims(), [claim]: '@' }).replace('"@"', text);

const times = ['exp', 'iat', 'auth_time'] as const;
const needed = ['iss', 'aud', 'sub', 'sid', 'jti', 'client_id', 'scope', 'roles', 'amr', ...times];
/** May be left out, and nothing else. */
const optional = ['email', 'acr'];

/** Attacks by the token's claims. */
export const claimAttacks: readonly Attack[] = [
  ...needed.map((claim) => claiming(`${claim} missing`, () => ({ [claim]: undefined }))),
  ...[...needed, ...optional].map((claim) => claiming(`${claim} null`, () => ({ [claim]: null }))),
  claiming('cnf of a DPoP key, which nobody proves', () => ({ cnf: { jkt: 'b'.repeat(43) } })),
  claiming('cnf of a certificate', () => ({ cnf: { 'x5t#S256': 'b'.repeat(43) } })),
  claiming('cnf empty', () => ({ cnf: {} })),
  claiming('aud of services of the fleet', () => ({ aud: 'signet:fleet' })),
  ...[...times, 'nbf'].flatMap((claim) => [
    claiming(`${claim} a string`, ({ iat, exp }) => ({ [claim]: String(claim === 'exp' ? exp : iat) })),
    claiming(`${claim} with a fraction`, ({ iat, exp }) => ({ [claim]: Number(claim === 'exp' ? exp : iat) + 0.5 })),
    claiming(`${claim} negative`, () => ({ [claim]: -1 })),
    claiming(`${claim} in a list`, ({ iat, exp }) => ({ [claim]: [claim === 'exp' ? exp : iat] })),
    saying(`${claim} 1e400`, (rig) => written(rig, claim, '1e400')),
    saying(`${claim} past what a number can hold exactly`, (rig) => written(rig, claim, '9007199254740993')),
  ]),
  claiming('exp past', (_, now) => ({ iat: now - 900, auth_time: now - 900, nbf: now - 900, exp: now - 6 })),
  claiming('exp 0', () => ({ exp: 0 })),
  claiming('exp before iat', (_, now) => ({ iat: now + 4, exp: now + 3 })),
  claiming('exp at iat', (_, now) => ({ iat: now, exp: now })),
  claiming('exp one second more than an hour after iat', (_, now) => ({ iat: now, exp: now + 3_601 })),
  claiming('exp in a hundred years', (_, now) => ({ exp: now + 3_155_760_000 })),
  claiming('exp true', () => ({ exp: true })),
  saying('exp NaN', (rig) => written(rig, 'exp', 'NaN')),
  claiming('iat ahead of the clock', (_, now) => ({ iat: now + 30, exp: now + 900 })),
  claiming('iat in 1970', (_, now) => ({ iat: 0, auth_time: 0, exp: now + 900 })),
  claiming('nbf ahead of the clock', (_, now) => ({ nbf: now + 30 })),
  claiming('nbf null', () => ({ nbf: null })),
  claiming('auth_time after iat', (_, now) => ({ iat: now, auth_time: now + 60 })),
  claiming('iss another', () => ({ iss: 'https://attacker.test' })),
  claiming('iss with a slash after it', ({ iss }) => ({ iss: `${String(iss)}/` })),
  claiming('iss in capitals', ({ iss }) => ({ iss: String(iss).toUpperCase() })),
  claiming('iss that begins like ours', ({ iss }) => ({ iss: `${String(iss)}.attacker.test` })),
  claiming('iss a list', ({ iss }) => ({ iss: [iss] })),
  claiming('iss empty', () => ({ iss: '' })),
  claiming('aud another', () => ({ aud: 'another' })),
  claiming('aud a list of others', () => ({ aud: ['another', 'one more'] })),
  claiming('aud an empty list', () => ({ aud: [] })),
  claiming('aud a list in a list', ({ aud }) => ({ aud: [[aud]] })),
  claiming('aud a list with a number beside ours', ({ aud }) => ({ aud: [aud, 1] })),
  claiming('aud an object', ({ aud }) => ({ aud: { [String(aud)]: true } })),
  claiming('aud with a space', ({ aud }) => ({ aud: `${String(aud)} ` })),
  claiming('aud that begins like ours', ({ aud }) => ({ aud: `${String(aud)}-admin` })),
  claiming('sub empty', () => ({ sub: '' })),
  claiming('sub an object', ({ sub }) => ({ sub: { id: sub } })),
  claiming('sub a list', ({ sub }) => ({ sub: [sub] })),
  claiming('sub a number', () => ({ sub: 1 })),
  claiming('sub a name', () => ({ sub: 'admin' })),
  claiming('sub SQL', ({ sub }) => ({ sub: `${String(sub)}' OR '1'='1` })),
  claiming('sub a client', ({ client_id: client }) => ({ sub: client })),
  claiming('sid empty', () => ({ sid: '' })),
  claiming('sid an object', ({ sid }) => ({ sid: { id: sid } })),
  claiming('no sid, as a service has none', ({ client_id: client }) => ({ sid: undefined, sub: client })),
  claiming('jti a number', () => ({ jti: 1 })),
  claiming('client_id a list', ({ client_id: client }) => ({ client_id: [client] })),
  claiming('roles a string', () => ({ roles: 'admin' })),
  claiming('roles an object', () => ({ roles: { admin: true, length: 1, 0: 'admin' } })),
  claiming('roles a list of lists', () => ({ roles: [['admin']] })),
  claiming('scope a list', () => ({ scope: ['admin'] })),
  claiming('email an object', () => ({ email: {} })),
  claiming('amr a string', () => ({ amr: 'pwd' })),
  claiming('acr a number', () => ({ acr: 1 })),
  saying('sub twice', (rig) => after(rig, `"sub":"${crypto.randomUUID()}"`)),
  saying('sub twice, once escaped', (rig) => after(rig, String.raw`"\u0073ub":"${crypto.randomUUID()}"`)),
  saying('exp twice', (rig) => after(rig, '"exp":9999999999')),
  saying('roles twice', (rig) => after(rig, '"roles":["admin"]')),
  saying('a name twice further down', (rig) => after(rig, '"x":{"a":1,"a":2}')),
  saying('claims by way of __proto__', (rig) => `{"__proto__":${JSON.stringify(rig.claims())}}`),
  saying('claims in a list', (rig) => JSON.stringify([rig.claims()])),
  saying('claims in a string', (rig) => JSON.stringify(JSON.stringify(rig.claims()))),
  saying('no claims', () => '{}'),
  saying('claims null', () => 'null'),
  saying('claims not JSON', () => 'sub=admin'),
  saying('something after the claims', (rig) => `${JSON.stringify(rig.claims())} {}`),
  saying('a byte order mark before the claims', (rig) => `\uFEFF${JSON.stringify(rig.claims())}`),
  saying('claims in UTF-16', (rig) => Buffer.from(JSON.stringify(rig.claims()), 'utf16le')),
  saying('claims that are not UTF-8', (rig) => Buffer.from(after(rig, '"x":"\u00e9"'), 'latin1')),
  saying('claims nested 33 deep', (rig) => after(rig, `"x":${'['.repeat(32)}${']'.repeat(32)}`)),
  saying('claims nested 5,000 deep', (rig) => after(rig, `"x":${'['.repeat(5_000)}${']'.repeat(5_000)}`)),
  saying('claims that make the token longer than 8 KiB', (rig) => after(rig, `"x":"${'x'.repeat(8_192)}"`)),
  saying('claims of 1 MiB', (rig) => after(rig, `"x":"${'x'.repeat(1_048_576)}"`), { tooLarge: true }),
];
