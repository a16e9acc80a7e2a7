import type { DescMethod } from '@bufbuild/protobuf';

/** Full name of a method: `signet.auth.v1.AuthService/Login`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
