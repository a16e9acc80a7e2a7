// Primes 3 to 167. RSALib generated primes of the form k * M + (65537^a mod M), where M is the product of these and more.
const primes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/** The powers of 65537 modulo each prime. */
const powers = primes.map((prime) => {
  const found = new Set<number>();
  for (let power = 1; !found.has(power); power = (power * 65_537) % prime) found.add(power);
  return found;
});

/**
 * Returns whether an RSA modulus has the fingerprint of RSALib, whose keys can be
 * factored (CVE-2017-15361, ROCA): it is a power of 65537 modulo every small
 * prime. The probability of a false positive is about one in 2^27.
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return primes.every((prime, i) => powers[i]?.has(Number(modulus % BigInt(prime))));
}
