import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMethod,
  type MessageInitShape,
  setExtension,
} from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel as Idempotency,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { http } from '#gen/proto/google/api/annotations_pb.ts';
import { HttpRuleSchema } from '#gen/proto/google/api/http_pb.ts';
import { edge, EdgeSchema, example } from '#gen/proto/signet/policy/v1/policy_pb.ts';

/** A field of a generated message. */
export interface FieldInit {
  readonly name: string;
  readonly type?: Type;
  readonly label?: Label;
  readonly typeName?: string;
  readonly oneofIndex?: number;
}

const known: DescFile[] = [
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

/** Returns a field of a generated message, proto3. `message` and `enumeration` are full names with a leading dot. */
export function made(
  name: string,
  kind: Type | { readonly message: string } | { readonly enumeration: string },
  more: Partial<FieldInit> = {},
): FieldInit {
  const type =
    typeof kind === 'object'
      ? 'message' in kind
        ? { type: Type.MESSAGE, typeName: kind.message }
        : { type: Type.ENUM, typeName: kind.enumeration }
      : { type: kind };
  return { name, label: Label.OPTIONAL, ...type, ...more };
}

/** Returns the same field, repeated. */
export function repeated(field: FieldInit): FieldInit {
  return { ...field, label: Label.REPEATED };
}

/**
 * Generates a method at run time, with the test's rule and request, because the build
 * rejects proto files with invalid contracts.
 */
export function madeMethod(options: {
  readonly rule: MessageInitShape<typeof HttpRuleSchema>;
  readonly input: readonly FieldInit[];
  readonly output?: readonly FieldInit[];
  readonly messages?: readonly { readonly name: string; readonly field: readonly FieldInit[] }[];
  readonly oneofs?: readonly string[];
  readonly clientStreaming?: boolean;
  readonly serverStreaming?: boolean;
  readonly name?: string;
  readonly idempotency?: Idempotency;
  readonly edge?: MessageInitShape<typeof EdgeSchema>;
  readonly example?: string;
}): DescMethod {
  const name = options.name ?? 'Do';
  const methodOptions = create(MethodOptionsSchema, {
    idempotencyLevel: options.idempotency ?? Idempotency.NO_SIDE_EFFECTS,
  });
  setExtension(methodOptions, http, create(HttpRuleSchema, options.rule));
  if (options.edge) setExtension(methodOptions, edge, create(EdgeSchema, options.edge));
  if (options.example !== undefined) setExtension(methodOptions, example, options.example);
  const file = create(FileDescriptorProtoSchema, {
    name: 'made.proto',
    package: 'made.v1',
    syntax: 'proto3',
    dependency: known.map(({ proto }) => proto.name),
    messageType: [
      {
        name: 'In',
        field: numbered(options.input),
        oneofDecl: (options.oneofs ?? []).map((oneof) => ({ name: oneof })),
      },
      { name: 'Out', field: numbered(options.output ?? []) },
      ...(options.messages ?? []).map((message) => ({ ...message, field: numbered(message.field) })),
    ],
    service: [
      {
        name: 'MadeService',
        method: [
          {
            name,
            inputType: '.made.v1.In',
            outputType: '.made.v1.Out',
            clientStreaming: options.clientStreaming ?? false,
            serverStreaming: options.serverStreaming ?? false,
            options: methodOptions,
          },
        ],
      },
    ],
  });
  const registry = createFileRegistry(file, (path) => known.find(({ proto }) => proto.name === path));
  const method = registry.getService('made.v1.MadeService')?.methods[0];
  if (!method) throw new Error('no method was generated');
  return method;
}

function numbered(fields: readonly FieldInit[]) {
  return fields.map((field, index) => ({ number: index + 1, jsonName: camel(field.name), ...field }));
}

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export { Type };
