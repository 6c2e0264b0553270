import type { Command } from "commander";
import { expect, test } from "vitest";
import { createBody } from "./auction.ts";
import { CliFailure, EXIT, exitCodeOf, failureOf } from "./exit.ts";
import { makeProgram } from "./main.ts";
import { tableText } from "./output.ts";

/** Commands that do something, with their whole names. */
function leaves(command: Command, prefix = ""): { readonly name: string; readonly command: Command }[] {
  return command.commands.flatMap((child) => {
    const name = `${prefix}${child.name()}`;
    return child.commands.length === 0 ? [{ name, command: child }] : leaves(child, `${name} `);
  });
}

const commands = leaves(makeProgram());

test("cli: commands: those of the first version are there", () => {
  const names = commands.map(({ name }) => name);
  for (const name of [
    "start",
    "auction create",
    "auction get",
    "auction list",
    "auction log",
    "bid",
    "watch",
    "log read",
    "log verify",
    "log copy",
    "topics create",
    "topics check",
    "token",
    "config print",
    "doctor",
  ]) {
    expect(names).toContain(name);
  }
});

test.each(commands)("cli: help: $name has a description and examples", ({ command }) => {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  expect(command.description()).not.toBe("");
  expect(help).toContain("Examples:");
});

test.each(commands.filter(({ name }) => !["start", "config env"].includes(name)))("cli: json: $name takes --json", ({ command }) => {
  expect(command.options.map((option) => option.long)).toContain("--json");
});

test.each(commands)("cli: flags: $name: a flag that names a value takes one", ({ command }) => {
  expect(command.options.filter((option) => /^\S+ [^<[]/.test(option.flags) && !option.flags.startsWith("-h")).map((option) => option.flags)).toEqual([]);
});

test.each([
  ["no_such_auction", EXIT.notFound],
  ["forbidden", EXIT.notAllowed],
  ["token_expired", EXIT.notAllowed],
  ["outcome_unknown", EXIT.unreached],
  ["log_unavailable", EXIT.unreached],
  ["invalid_request", EXIT.usage],
  ["internal", EXIT.failed],
])("cli: exit codes: %s ends with %i", (code, exitCode) => {
  expect(exitCodeOf(code)).toBe(exitCode);
});

test("cli: exit codes: an unknown outcome names the key to ask again with", () => {
  const failure = failureOf(Object.assign(new Error("Nothing is known yet."), { code: "outcome_unknown", key: "k-1" }));
  expect(failure.exitCode).toBe(EXIT.unreached);
  expect(failure.message).toContain("--key k-1");
});

const create = { title: "Sextant", currency: "USD", opening: "12.50", endsIn: "10m" };

test("cli: create: amounts by the currency's digits, times from now", () => {
  expect(createBody({ ...create, reserve: "20", softClose: "2m" }, 1_000)).toEqual({
    lot: { title: "Sextant" },
    currency: "USD",
    openingPriceMinor: 1_250,
    reserveMinor: 2_000,
    softClose: { windowMs: 120_000, amountMs: 120_000, base: "bid" },
    opensAtMs: 1_000,
    durationMs: 600_000,
  });
});

test.each([
  ["an amount with too many decimals", { opening: "12.505" }],
  ["a currency that is none", { currency: "ZZZ" }],
  ["a duration without unit", { endsIn: "10" }],
  ["a reserve that is no number", { reserve: "much" }],
])("cli: create: %s is wrong usage", (_what, part) => {
  const failure = (() => {
    try {
      createBody({ ...create, ...part }, 0);
    } catch (error) {
      return error;
    }
    return null;
  })();
  expect(failure).toBeInstanceOf(CliFailure);
  expect(failure).toMatchObject({ exitCode: EXIT.usage });
});

test("cli: table: columns are aligned, without borders and trailing blanks", () => {
  const rows = [
    { name: "a", count: 5 },
    { name: "longer", count: 1_000 },
  ];
  expect(
    tableText(rows, [
      { head: "NAME", value: (row) => row.name },
      { head: "COUNT", value: (row) => String(row.count), align: "right" },
    ]),
  ).toBe("NAME    COUNT\na           5\nlonger   1000");
});
