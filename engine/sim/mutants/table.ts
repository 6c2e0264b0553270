// The tier's result for people: one line of a mutant.
import type { TierRow } from "./tier.ts";

const HEADS = ["rule", "mutant", "caught by", "seed", "s"] as const;

/** The rows as a table of plain text, with what was missed told in full behind it. */
export function tierTable(rows: readonly TierRow[]): string {
  const cells = rows.map(({ mutant, kind, invariant, seeds, tookMs }) => [
    mutant.rules,
    mutant.name,
    kind === "caught" ? invariant : kind.toUpperCase(),
    seeds === 0 ? "" : `${seeds}`,
    (tookMs / 1_000).toFixed(1),
  ]);
  const widths = HEADS.map((head, column) => Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const trouble = rows
    .filter(({ mutant, kind }) => kind !== "caught" && !(kind === "clean" && mutant.patches.length === 0))
    .map(({ mutant, kind, message, others }) => `${mutant.name}: ${kind} ${message} ${JSON.stringify(others)}`.trimEnd());
  return [line(HEADS), ...cells.map(line), ...trouble].join("\n");
}
