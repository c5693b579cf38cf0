/** A unit that people write, and how many of the API's own numbers one of it is. */
export interface Unit {
  label: string;
  scale: number;
}

export interface Quantity {
  /** Nearest whole number of the API's. */
  value: number;
  /** Whether nothing had to be rounded for it. */
  exact: boolean;
}

const DECIMAL = /^(\d{1,20})(?:\.(\d{1,12}))?$/;
/** Digits behind the point that a person is shown before a smaller unit is taken. */
const DIGITS_SHOWN = 3;

/** `1.5` of a unit as the API's number, computed without the error of binary fractions. */
export function readQuantity(text: string, unit: Unit): Quantity | undefined {
  const [, whole, fraction = ""] = DECIMAL.exec(text.trim()) ?? [];
  if (whole === undefined) return undefined;
  const scaled = BigInt(whole + fraction) * BigInt(unit.scale);
  const divisor = 10n ** BigInt(fraction.length);
  return { value: Number((2n * scaled + divisor) / (2n * divisor)), exact: scaled % divisor === 0n };
}

/** The API's number in the largest unit that says it exactly and briefly. Units go from the smallest to the largest. */
export function writeQuantity(value: number, units: readonly Unit[]): { text: string; unit: Unit } {
  const shift = 10n ** BigInt(DIGITS_SHOWN);
  const fitting = units.filter(({ scale }) => value >= scale && (BigInt(value) * shift) % BigInt(scale) === 0n);
  const unit = fitting.at(-1) ?? units[0] ?? { label: "", scale: 1 };
  const thousandths = (BigInt(value) * shift) / BigInt(unit.scale);
  const fraction = String(thousandths % shift).padStart(DIGITS_SHOWN, "0").replace(/0+$/, "");
  return { text: `${thousandths / shift}${fraction && `.${fraction}`}`, unit };
}
