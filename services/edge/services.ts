import type { DescService } from '@bufbuild/protobuf';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { AuditService } from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { EmailService } from '#gen/proto/signet/auth/v1/email_service_pb.ts';
import { KeyService } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import { RoleService } from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { SessionService } from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';

/** The services behind the edge, by the process that has them. What is for services alone is not among them. */
export const exposed = {
  auth: [
    AuthService,
    PasswordService,
    EmailService,
    SessionService,
    AdminService,
    RoleService,
    KeyService,
    AuditService,
    ServiceTokenService,
  ],
  user: [UserService],
} as const satisfies Record<string, readonly DescService[]>;
