-- Scopes that begin with `signet:` come with Signet. A role that an operator defined
-- loses those that it has, and tokens with them are refused.
UPDATE auth.roles SET
  scopes = ARRAY(SELECT scope FROM unnest(scopes) AS scope WHERE NOT starts_with(scope, 'signet:')),
  tokens_from = greatest(date_trunc('second', clock_timestamp()) + interval '2 seconds', tokens_from + interval '1 second')
WHERE EXISTS (SELECT FROM unnest(scopes) AS scope WHERE starts_with(scope, 'signet:'));

-- The revocations of these tokens are written now: a table with triggers that wait cannot be altered.
SET CONSTRAINTS ALL IMMEDIATE;

-- No statement gives one back.
ALTER TABLE auth.roles ADD CONSTRAINT roles_scopes_not_reserved
  CHECK (NOT (' ' || array_to_string(scopes, ' ')) LIKE '% signet:%');
