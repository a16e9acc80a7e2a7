import { jobsSchemaOf } from '#kit/db/service-roles.ts';
import type { OtherSchema } from '#kit/service/service.ts';

/** The schema of a service's jobs, for its definition. */
export function jobsSchema(service: string): OtherSchema {
  return {
    name: jobsSchemaOf(service),
    create: async (url) => (await import('./install.ts')).installJobs(url, service),
  };
}
