/**
 * The currencies of ISO 4217 (list one, in force on 2026-01-01, Bulgaria's change to the euro included) by the number of
 * digits of their minor unit. Codes without a minor unit are left out, because no amount is payable in them: precious
 * metals, units of account, tests (XTS) and no currency (XXX).
 *
 * It is a table of our own: Intl has CLDR's digits, which differ from the standard (IQD 0 instead of 3), and withdrawn
 * currencies; the packages of npm lack currencies or have withdrawn ones (currency-codes 2.2.0 is of June 2024).
 */
const byDigits: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
      COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
      JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
      NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
      THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`,
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

const digits: ReadonlyMap<string, number> = new Map(
  Object.entries(byDigits).flatMap(([count, codes]) =>
    codes.split(/\s+/).map((code) => [code, Number(count)] as const),
  ),
);

/** Returns the number of digits of a currency's minor unit, 0 to 4; undefined for a code that ISO 4217 does not know. */
export function digitsOf(currencyCode: string): number | undefined {
  return digits.get(currencyCode);
}
