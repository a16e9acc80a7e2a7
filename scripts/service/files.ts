/** The name of a new service in its spellings. */
export interface Names {
  /** `parcel`: folders, the PostgreSQL schema, the package. */
  readonly lower: string;
  /** `Parcel`: ParcelService. */
  readonly pascal: string;
}

/**
 * The files of a new service by path: the skeleton and one sample method, which
 * counts the visits of its caller.
 */
export function filesOf({ lower, pascal }: Names, port: number): Readonly<Record<string, string>> {
  const proto = `proto/signet/${lower}/v1/${lower}_service.proto`;
  return {
    [proto]: `syntax = "proto3";

// What the ${lower} service is for.
package signet.${lower}.v1;

import "google/api/annotations.proto";
import "signet/policy/v1/policy.proto";

// The ${lower} service.
service ${pascal}Service {
  // Counts a visit of the caller.
  //
  // Errors: TOKEN_REQUIRED, INVALID_TOKEN.
  rpc Visit(VisitRequest) returns (VisitResponse) {
    option (google.api.http) = {
      post: "/api/v1/${lower}/visits"
      body: "*"
    };
    option (signet.policy.v1.access) = {
      authenticated: {}
    };
    option (signet.policy.v1.example) = '{}';
  }
}

// A visit.
message VisitRequest {}

// The number of visits.
message VisitResponse {
  // Visits of the caller including this one; 1 or more.
  int32 visits = 1;
}
`,
    [`prisma/${lower}/schema.prisma`]: `// The data of the ${lower} service.

generator client {
  provider               = "prisma-client"
  output                 = "../../gen/prisma/${lower}"
  runtime                = "nodejs"
  moduleFormat           = "esm"
  generatedFileExtension = "ts"
  importFileExtension    = "ts"
}

datasource db {
  provider = "postgresql"
  schemas  = ["${lower}"]
}

/// The number of visits of a user.
model Visitor {
  /// The account's id. No foreign key, because accounts belong to another service.
  userId String @id @map("user_id") @db.Uuid
  visits Int    @default(0)

  @@map("visitors")
  @@schema("${lower}")
}
`,
    [`prisma/${lower}/migrations/migration_lock.toml`]: `# The database of these migrations.
provider = "postgresql"
`,
    [`services/${lower}/service.ts`]: `import { ${pascal}Service } from '#gen/proto/signet/${lower}/v1/${lower}_service_pb.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** What the ${lower} service is for. */
export const ${lower} = defineService({
  name: '${lower}',
  port: ${port},
  contract: [${pascal}Service],
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
`,
    [`services/${lower}/build.ts`]: `import { ${pascal}Service } from '#gen/proto/signet/${lower}/v1/${lower}_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { ${lower}Handler } from './handler/${lower}.ts';
import type { ${lower} } from './service.ts';
import { createVisitorStore } from './store/visitors.ts';

/** Wires the ${lower} service. */
export function build({ database }: ServiceDeps<typeof ${lower}>): BuiltService {
  const visitors = createVisitorStore(database.statements);
  return { mounted: [mount(${pascal}Service, ${lower}Handler(visitors))] };
}
`,
    [`services/${lower}/main.ts`]: `import { runService } from '#kit/service/open.ts';
import { services } from '../registry.ts';

await runService(services.${lower});
`,
    [`services/${lower}/handler/${lower}.ts`]: `import type { ServiceImpl } from '@connectrpc/connect';
import type { ${pascal}Service } from '#gen/proto/signet/${lower}/v1/${lower}_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import type { VisitorStore } from '../domain/visitors.ts';

/** Implements ${pascal}Service. The user comes from the token, never from the request. */
export function ${lower}Handler(visitors: VisitorStore): ServiceImpl<typeof ${pascal}Service> {
  return {
    async visit(_, { values }) {
      return { visits: await visitors.count(userOf(values).subject) };
    },
  };
}
`,
    [`services/${lower}/domain/visitors.ts`]: `/** Persistence port for visitors. */
export interface VisitorStore {
  /** Counts a visit in one statement; returns the number of visits. */
  count(userId: string): Promise<number>;
}
`,
    [`services/${lower}/store/visitors.ts`]: `import type { Statements } from '#kit/store/statements.ts';
import type { VisitorStore } from '../domain/visitors.ts';

/** Creates the visitor store in PostgreSQL. */
export function createVisitorStore(db: Statements): VisitorStore {
  return {
    async count(userId) {
      const [row] = await db.$queryRaw<{ visits: number }[]>\`
        INSERT INTO "${lower}".visitors AS v (user_id, visits) VALUES (\${userId}::uuid, 1)
        ON CONFLICT (user_id) DO UPDATE SET visits = v.visits + 1
        RETURNING visits\`;
      return row?.visits ?? 0;
    },
  };
}
`,
  };
}

/** Adds a service to the text of the registry. @throws Error if the text has an unknown form */
export function registryWith(text: string, { lower }: Names): string {
  const entry = /const behind = \{\s*([^}]*?),?\s*\} as const;/.exec(text);
  const line = `import { ${lower} } from './${lower}/service.ts';\n`;
  const imports = [...text.matchAll(/^import \{ \w+ \} from '\.\/\w+\/service\.ts';\n/gm)].map(([one]) => one);
  const before = imports.findLast((one) => one < line) ?? imports.at(-1);
  if (!entry || before === undefined)
    throw new Error('services/registry.ts has no line "const behind = { ... } as const;"');
  return text.replace(entry[0], `const behind = { ${entry[1]}, ${lower} } as const;`).replace(before, before + line);
}
