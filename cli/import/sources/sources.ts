import type { Source } from '../source.ts';
import { auth0 } from './auth0.ts';
import { betterAuth } from './better-auth.ts';
import { cognito } from './cognito.ts';
import { django } from './django.ts';
import { firebase } from './firebase.ts';
import { keycloak } from './keycloak.ts';
import { kratos } from './kratos.ts';
import { csv, json } from './signet.ts';
import { supabase } from './supabase.ts';
import { wordpress } from './wordpress.ts';

/** The sources by the name that --from takes. */
export const sources = {
  json,
  csv,
  auth0,
  'better-auth': betterAuth,
  cognito,
  django,
  firebase,
  keycloak,
  kratos,
  supabase,
  wordpress,
} as const satisfies Readonly<Record<string, Source>>;

/** A name that --from takes. */
export type SourceName = keyof typeof sources;

/** The sources as lines of --help. */
export function listOfSources(): string {
  const names = Object.entries<Source>(sources);
  const width = Math.max(...names.map(([name]) => name.length));
  return names.map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`).join('\n');
}
