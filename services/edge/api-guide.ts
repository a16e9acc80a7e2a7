/**
 * Returns the introduction of the OpenAPI document, in Markdown.
 * @param cookie name of the access token's cookie
 */
export function apiGuide(cookie: string): string {
  return `Signet's methods over HTTP and JSON. Connect, gRPC-Web and gRPC serve the same methods on the same port.

## Sign in

1. Create an account: \`POST /api/v1/auth/register\`.
2. Sign in: \`POST /api/v1/auth/login\`. The response has \`access_token\`, \`refresh_token\` and \`csrf_token\`.
3. Send the access token with each request: \`Authorization: Bearer <access_token>\`. On this page: "Authorize", then paste the token below bearerAuth.
4. Get new tokens before the access token expires (\`expires_in\` seconds): \`POST /api/v1/auth/refresh\` with the refresh token, which is for one use.

The examples of the methods belong together: register and login are filled in with the same account.

Pages in a browser sign in with \`"transport": "cookie"\`. The tokens are then in HttpOnly cookies (\`${cookie}\`), and requests that change state also send the header \`X-CSRF-Token\` with \`csrf_token\`.

## What a method needs

The last sentence of a method's description states it: a role, or a recent sign-in. An administrator grants roles. After a response 401 \`REAUTHENTICATION_REQUIRED\` sign in with the password again and use the new token.

## Errors

Errors are \`application/problem+json\` (RFC 9457). Programs look at \`code\`; a 400 \`INVALID_ARGUMENT\` names each invalid field in \`errors\`, with a sentence (\`description\`) and a code (\`reason\`). Each response lists its codes. A client must accept codes that it does not know.

After 429 and 503, wait for \`Retry-After\` seconds. Methods with the header \`Idempotency-Key\` may then be repeated without a double effect.`;
}
