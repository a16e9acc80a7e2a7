// The package @signet/client. Its other entry points, one per package of the contract, are generated (scripts/packages).
export { reasonOfRule } from '../../kit/contract/own-rules.ts';
export { createValidator } from '../../kit/contract/validator.ts';
export { type FieldViolation, violationsOf } from '../../kit/errors/violations.ts';
export { detailOf, metadataOf, signetReasonOf as reasonOf } from '../../kit/guard/error.ts';
