import {
  create,
  createFileRegistry,
  createRegistry,
  type DescFile,
  type DescService,
  fromJsonString,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { file_google_rpc_error_details } from '#gen/proto/google/rpc/error_details_pb.ts';
import { type ServerReflectionRequest, ServerReflection } from '#gen/proto/grpc/reflection/v1/reflection_pb.ts';
import { mount, type Mounted } from '#kit/call/app.ts';

/**
 * grpc.reflection.v1alpha, for tools that do not know v1. It has the same messages, and its file is the one of v1 with
 * another package.
 */
export const ServerReflectionAlpha = alphaOf(ServerReflection);

/** Creates grpc.reflection, v1 and v1alpha, with which buf curl and grpcurl call services without their protos. */
export function reflectionOf(services: readonly DescService[]): Mounted[] {
  // Errors carry these details, but no service refers to them.
  const files = withImports([...services.map(({ file }) => file), file_google_rpc_error_details]);
  const registry = createRegistry(...files.values());

  function answer({ messageRequest: { case: what, value } }: ServerReflectionRequest) {
    switch (what) {
      case 'listServices':
        return {
          case: 'listServicesResponse' as const,
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case 'fileByFilename':
        return described(files.get(value));
      case 'fileContainingSymbol':
        return described(fileOf(value));
      case 'fileContainingExtension': {
        const extendee = registry.getMessage(value.containingType);
        return described(extendee && registry.getExtensionFor(extendee, value.extensionNumber)?.file);
      }
      case 'allExtensionNumbersOfType': {
        const extensions = [...registry].filter((it) => it.kind === 'extension' && it.extendee.typeName === value);
        return {
          case: 'allExtensionNumbersResponse' as const,
          value: {
            baseTypeName: value,
            extensionNumber: extensions.map((it) => (it.kind === 'extension' ? it.number : 0)),
          },
        };
      }
      default:
        return refused(Code.Unimplemented, 'Unknown request.');
    }
  }

  /** Finds the file of a symbol: a type, or a method, field or value in it. */
  function fileOf(symbol: string): DescFile | undefined {
    const name = symbol.replace(/^\./, '');
    return registry.get(name)?.file ?? registry.get(name.slice(0, name.lastIndexOf('.')))?.file;
  }

  return [ServerReflection, ServerReflectionAlpha].map((desc) =>
    mount(desc, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          yield create(desc.method.serverReflectionInfo.output, {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(request),
          });
        }
      },
    }),
  );
}

function alphaOf(v1: typeof ServerReflection): typeof ServerReflection {
  const text = toJsonString(FileDescriptorProtoSchema, v1.file.proto);
  const renamed = text.replaceAll(/grpc([./])reflection\1v1\b/g, '$&alpha');
  const file = fromJsonString(FileDescriptorProtoSchema, renamed);
  const found = createFileRegistry(file, () => undefined).getService(`${file.package}.${v1.name}`);
  if (!found) throw new Error('grpc.reflection.v1alpha is not made');
  // With the messages of v1, whose types it has.
  return found as typeof ServerReflection;
}

/** Returns a file with all of its imports, so that a client needs no further requests. */
function described(file: DescFile | undefined) {
  if (!file) return refused(Code.NotFound, 'Unknown file or symbol.');
  const protos = [...withImports([file]).values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse' as const, value: { fileDescriptorProto: protos } };
}

/** Returns files and all of their imports, by name. */
function withImports(roots: readonly DescFile[], found = new Map<string, DescFile>()): Map<string, DescFile> {
  for (const file of roots) {
    if (found.has(file.proto.name)) continue;
    found.set(file.proto.name, file);
    withImports(file.dependencies, found);
  }
  return found;
}

function refused(errorCode: Code, errorMessage: string) {
  return { case: 'errorResponse' as const, value: { errorCode, errorMessage } };
}
