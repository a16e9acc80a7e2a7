import pLimit from 'p-limit';
import { bodyOf, createHttp } from '../load/http.ts';

/** A user who has registered, signed in and changed their profile. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** The password of all users. */
export const password = 'correct horse battery';

const json = { 'content-type': 'application/json' };

/** Registers users at an edge, signs them in and changes their profiles, so that each has a row. */
export async function createPeople(edge: string, count: number, prefix = ''): Promise<Person[]> {
  const http = createHttp();
  // On a busy machine, more at once would wait for their hashes longer than their deadlines.
  const limit = pLimit(8);
  const post = async (path: string, body: object, status: number) => {
    const url = `${edge}/api/v1${path}`;
    return bodyOf(await http.ask({ method: 'POST', url, headers: json, body: JSON.stringify(body) }), status);
  };
  const one = async (index: number): Promise<Person> => {
    const email = `${prefix}person${index}@example.com`;
    const { user } = await post('/auth/register', { email, password, name: 'Ada' }, 201);
    const tokens = await post('/auth/login', { email, password }, 200);
    const accessToken = String(tokens['access_token']);
    const headers = { ...json, authorization: `Bearer ${accessToken}` };
    const body = JSON.stringify({ name: 'Ada' });
    bodyOf(await http.ask({ method: 'PATCH', url: `${edge}/api/v1/users/profile`, headers, body }), 200);
    return { id: (user as { id: string }).id, email, accessToken, refreshToken: String(tokens['refresh_token']) };
  };
  try {
    return await limit.map(Array.from({ length: count }).keys(), one);
  } finally {
    http.close();
  }
}
