// `fairwarning log read | verify | copy`: looks into the decision log itself, so it works when nothing runs.
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { fillSlots } from "../../engine/cluster/ring.ts";
import type { Decision } from "../../engine/core/decision.ts";
import { isAuctionId } from "../../engine/core/ids.ts";
import { shardOf } from "../../engine/core/slots.ts";
import { readShard } from "../../persistence/log-reader.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { addLogCopy } from "./log-copy-command.ts";
import { recordDocument, recordLines } from "./log-lines.ts";
import { addPlaceFlags, openReadable, type PlaceFlags } from "./log-open.ts";
import { shownRecords } from "./log-read.ts";
import { type LogVerdict, verifyLog } from "./log-verify.ts";
import { makeOutput, type Output } from "./output.ts";

interface VerifyFlags extends PlaceFlags {
  readonly shard?: string;
  readonly json?: boolean;
}

interface ReadFlags extends VerifyFlags {
  readonly from: string;
  readonly to?: string;
  readonly limit: string;
  readonly secrets?: boolean;
}

const LIMIT_DEFAULT = 100;

/** Adds `log read`, `log verify` and `log copy`. */
export function addLog(program: Command): void {
  const log = program.command("log").description("The decision log: read it, verify it, carry it elsewhere.");
  addPlaceFlags(log.command("verify"))
    .description("Reads every record from the first one and checks every invariant that a log can show. Exit code 8 at the first violation.")
    .option("--shard <n>", "one shard only")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nExamples:\n  fairwarning log verify\n  fairwarning log verify --data-dir /var/lib/fairwarning --json\n  fairwarning log verify --kafka broker-1:9092,broker-2:9092",
    )
    .action(verify);
  addPlaceFlags(log.command("read"))
    .description("Records of one shard with their judgement (effective, or void and why), and the decisions in them. Secrets are masked.")
    .requiredOption("--shard <n>", "which shard")
    .option("--from <lsn>", "first lsn", "0")
    .option("--to <lsn>", "last lsn (default: the end)")
    .option("--limit <n>", "records at most", String(LIMIT_DEFAULT))
    .option("--secrets", "show maximums, reserves and limits too")
    .option("--json", "one JSON document a line")
    .addHelpText(
      "after",
      "\nExamples:\n  fairwarning log read --shard 7\n  fairwarning log read --shard 7 --from 1200 --to 1240 --json\n  fairwarning log read --shard 7 --kafka broker-1:9092",
    )
    .action(read);
  addLogCopy(log);
}

function wholeNumber(text: string, name: string, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  throw new CliFailure(`${name} is a whole number from 0 to ${max}, not ${text}`, EXIT.usage);
}

async function verify(flags: VerifyFlags): Promise<void> {
  const output = makeOutput(flags.json === true);
  const { log, codec, shards: count, close } = await openReadable(flags);
  try {
    const shards = flags.shard === undefined ? Array.from({ length: count }, (_, shard) => shard) : [wholeNumber(flags.shard, "--shard", count - 1)];
    const bar =
      process.stderr.isTTY && flags.json !== true
        ? new SingleBar({ format: "verifying {bar} {percentage} %  {value} of {total} records", stream: process.stderr })
        : null;
    bar?.start(1, 0);
    const verdict = await verifyLog({
      log,
      codec,
      shards,
      now: () => performance.now(),
      progress: ({ records, recordsTotal }) => {
        bar?.setTotal(Math.max(1, recordsTotal));
        bar?.update(records);
      },
    });
    bar?.stop();
    tellVerdict(output, verdict);
    if (verdict.violation !== null) process.exitCode = EXIT.checkFailed;
  } finally {
    await close();
  }
}

function tellVerdict(output: Output, verdict: LogVerdict): void {
  if (output.json) {
    output.document(verdict);
    return;
  }
  const { violation } = verdict;
  const seconds = Math.max(0.001, verdict.durationMs / 1_000);
  output.fields([
    ["verdict", violation === null ? "every invariant holds" : "VIOLATION"],
    ["shards", String(verdict.shards)],
    ["records", `${verdict.records} (${verdict.voids} void)`],
    ["decisions", `${verdict.decisions} (${verdict.accepted} accepted)`],
    ["auctions", `${verdict.auctions} (${verdict.hammers} ended)`],
    ["read", `${(verdict.bytes / 1_048_576).toFixed(1)} MiB in ${seconds.toFixed(1)} s, ${Math.round(verdict.decisions / seconds)} decisions a second`],
  ]);
  if (violation === null) return;
  output.line("");
  output.fields([
    ["invariant", violation.invariant],
    ["what", violation.message],
    ["shard", String(violation.shard)],
    ["offset", String(violation.offset)],
    ["lsn", String(violation.lsn)],
    ["auction", violation.auctionId ?? "-"],
    ["sequence", violation.sequence === null ? "-" : String(violation.sequence)],
  ]);
  output.talk("Keep this log as it is. What stands before the place holds; what stands behind it proves nothing.");
}

async function read(flags: ReadFlags): Promise<void> {
  const output = makeOutput(flags.json === true);
  const from = wholeNumber(flags.from, "--from", Number.MAX_SAFE_INTEGER);
  const to = flags.to === undefined ? Number.MAX_SAFE_INTEGER : wholeNumber(flags.to, "--to", Number.MAX_SAFE_INTEGER);
  let left = wholeNumber(flags.limit, "--limit", Number.MAX_SAFE_INTEGER);
  const { log, codec, shards, close } = await openReadable(flags);
  try {
    const shard = wholeNumber(flags.shard ?? "0", "--shard", shards - 1);
    for await (const shown of shownRecords({ log, codec, shard, range: { from, to } })) {
      if (left === 0) break;
      left -= 1;
      if (output.json) output.document(recordDocument(shown, flags.secrets === true));
      else for (const line of recordLines(shown, flags.secrets === true)) output.line(line);
      if (shown.verdict?.kind === "broken") process.exitCode = EXIT.checkFailed;
    }
  } finally {
    await close();
  }
}

/** One decision of an auction and its place in the shard. */
export interface PlacedDecision {
  readonly lsn: number;
  readonly decision: Decision;
}

/** The decisions of one auction, oldest first, from the log that the flags name; `where` tells which that is. */
export async function decisionsOf(
  flags: PlaceFlags,
  auctionId: string,
): Promise<{ readonly where: string; readonly decisions: AsyncGenerator<PlacedDecision>; readonly close: () => Promise<void> }> {
  if (!isAuctionId(auctionId)) throw new CliFailure(`${auctionId} is no auction id`, EXIT.usage);
  const { log, codec, shards, where, close } = await openReadable(flags);
  const shard = shardOf(fillSlots(shards), auctionId);
  async function* decisions(): AsyncGenerator<PlacedDecision> {
    for await (const { record, verdict } of readShard(log, codec, shard)) {
      if (record.kind !== "frame" || verdict.kind !== "effective") continue;
      let lsn = record.firstLsn;
      for (const decision of codec.decisions(record)) {
        if (decision.auctionId === auctionId) yield { lsn, decision };
        lsn += 1;
      }
    }
  }
  return { where, decisions: decisions(), close };
}
