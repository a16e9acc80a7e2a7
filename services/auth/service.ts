import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { AuditService } from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { EmailService } from '#gen/proto/signet/auth/v1/email_service_pb.ts';
import { KeyService } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { RoleService } from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { SessionService } from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import type { AnyService } from '#kit/service/service.ts';
import { keys } from './config.ts';
import { produces } from './events/public.ts';

/** Accounts, sessions, signing keys, revocation. It has an HTTP port in addition to its gRPC port. */
export const auth = {
  name: 'auth',
  ports: { door: keys.port, grpc: keys.grpcPort },
  contract: [
    AuthService,
    PasswordService,
    EmailService,
    SessionService,
    AdminService,
    RoleService,
    KeyService,
    AuditService,
    ServiceTokenService,
    AccountService,
    RevocationService,
    EventService,
  ],
  calls: {},
  produces,
  keys,
} as const satisfies AnyService;
