import { describe, expect, it } from "vitest";
import { readQuantity, writeQuantity } from "./quantity";
import { BYTE_UNITS, CORE_UNITS, NETWORK_UNITS } from "./tier-limits";

const GIB = { label: "GiB", scale: 2 ** 30 };
const CORES = { label: "cores", scale: 1000 };

describe("readQuantity", () => {
  it.each([
    ["1.5", GIB, { value: 1_610_612_736, exact: true }],
    [" 2 ", GIB, { value: 2 ** 31, exact: true }],
    ["0.3", GIB, { value: 322_122_547, exact: false }],
    ["0.2", CORES, { value: 200, exact: true }],
    ["0.0005", CORES, { value: 1, exact: false }],
    // In binary fractions 1.005 * 1000 is 1004.9999999999999.
    ["1.005", CORES, { value: 1005, exact: true }],
    ["1048576", GIB, { value: 2 ** 50, exact: true }],
  ])("%s in %o", (text, unit, quantity) => {
    expect(readQuantity(text, unit)).toEqual(quantity);
  });

  it.each(["", "  ", "much", "-1", "1,5", "1e3", ".5", "1.", "0x10", "9".repeat(40)])("does not take “%s” for a number", (text) => {
    expect(readQuantity(text, GIB)).toBeUndefined();
  });
});

describe("writeQuantity", () => {
  it.each([
    [512 * 2 ** 20, BYTE_UNITS, "512 MiB"],
    [1536 * 2 ** 20, BYTE_UNITS, "1.5 GiB"],
    [100 * 2 ** 30, BYTE_UNITS, "100 GiB"],
    [1500 * 2 ** 30, BYTE_UNITS, "1500 GiB"],
    [123_456_789, BYTE_UNITS, "123456789 bytes"],
    [2 ** 50, BYTE_UNITS, "1024 TiB"],
    [200, CORE_UNITS, "0.2 cores"],
    [1005, CORE_UNITS, "1.005 cores"],
    [50_000, NETWORK_UNITS, "50 Mbit/s"],
    [640, NETWORK_UNITS, "640 kbit/s"],
    [1_234_567, NETWORK_UNITS, "1234.567 Mbit/s"],
  ])("%d is written %o %s", (value, units, text) => {
    const written = writeQuantity(value, units);
    expect(`${written.text} ${written.unit.label}`).toBe(text);
  });

  it("is read back as the same number, whatever the number", () => {
    for (const units of [BYTE_UNITS, CORE_UNITS, NETWORK_UNITS])
      for (const value of [10, 999, 1000, 1001, 1024, 65_537, 33_554_433, 2 ** 31, 2 ** 40 + 2 ** 20, 2 ** 50 - 1]) {
        const { text, unit } = writeQuantity(value, units);
        expect(readQuantity(text, unit)).toEqual({ value, exact: true });
      }
  });
});
