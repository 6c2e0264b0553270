// Currencies of ISO 4217 and how many digits their minor unit has. Amounts stay integers everywhere; only texts need this.
//
// The table is the one that Node's Intl brings (ISO 4217 digits by ECMA-402), read once.

let digits: ReadonlyMap<string, number> | null = null;

function table(): ReadonlyMap<string, number> {
  digits ??= new Map(
    Intl.supportedValuesOf("currency").map((code) => {
      const { maximumFractionDigits } = new Intl.NumberFormat("en", { style: "currency", currency: code }).resolvedOptions();
      return [code, maximumFractionDigits ?? 2];
    }),
  );
  return digits;
}

/** Whether a code of three capital letters is a currency. */
export function isKnownCurrency(code: string): boolean {
  return table().has(code);
}

/** An amount for people: 10500 USD is "105.00 USD", 500 JPY "500 JPY". An unknown currency is shown in minor units. */
export function moneyText(minor: number, currency: string): string {
  const places = table().get(currency);
  if (places === undefined) return `${minor} minor units of ${currency}`;
  if (places === 0) return `${minor} ${currency}`;
  const padded = String(minor).padStart(places + 1, "0");
  return `${padded.slice(0, -places)}.${padded.slice(-places)} ${currency}`;
}
