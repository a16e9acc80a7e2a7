import { bodyOf, createHttp } from '../load/http.ts';

/** Somebody who has registered, signed in and read their profile. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** The password of all of them. */
export const password = 'correct horse battery';

const json = { 'content-type': 'application/json' };

/** Registers people at an edge and signs them in. The profile of each is there afterwards. */
export async function createPeople(edge: string, count: number, prefix = ''): Promise<Person[]> {
  const http = createHttp();
  const post = async (path: string, body: object, status: number) => {
    const url = `${edge}/api/v1${path}`;
    return bodyOf(await http.ask({ method: 'POST', url, headers: json, body: JSON.stringify(body) }), status);
  };
  const one = async (index: number): Promise<Person> => {
    const email = `${prefix}person${index}@example.com`;
    const { user } = await post('/auth/register', { email, password, name: 'Ada' }, 201);
    const tokens = await post('/auth/login', { email, password }, 200);
    const accessToken = String(tokens['access_token']);
    const headers = { authorization: `Bearer ${accessToken}` };
    bodyOf(await http.ask({ method: 'GET', url: `${edge}/api/v1/users/profile`, headers }), 200);
    return { id: (user as { id: string }).id, email, accessToken, refreshToken: String(tokens['refresh_token']) };
  };
  try {
    return await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
  } finally {
    http.close();
  }
}
