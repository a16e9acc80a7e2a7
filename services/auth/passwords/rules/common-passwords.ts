import { dictionary } from '@zxcvbn-ts/language-common';

/** Passwords that guessers try first, folded to lower case: some 18,000 of 8 characters or more. */
const list: ReadonlySet<string> = new Set(
  dictionary['passwords-common'].filter((one) => one.length >= 8).map((one) => one.toLowerCase()),
);

/** Tells whether a password, folded to lower case, is one that guessers try first. */
export function isCommonPassword(folded: string): boolean {
  return list.has(folded);
}
