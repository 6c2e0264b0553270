// `fairwarning log read | verify`: looks into the decision log itself, so it works when nothing runs. Reads, never writes.
import { join } from "node:path";
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { fillSlots } from "../../engine/cluster/ring.ts";
import type { Decision } from "../../engine/core/decision.ts";
import { isAuctionId } from "../../engine/core/ids.ts";
import { shardOf } from "../../engine/core/slots.ts";
import type { JudgedRecord, Verdict } from "../../engine/core/validity.ts";
import { openLocalLogReader } from "../../persistence/local/log-follower.ts";
import { readShard } from "../../persistence/log-reader.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { type LogVerdict, verifyLog } from "./log-verify.ts";
import { makeOutput, type Output } from "./output.ts";

interface LogFlags {
  readonly dataDir?: string;
  readonly shard?: string;
  readonly from?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

const LIMIT_DEFAULT = 100;

/** Adds `log read` and `log verify`. */
export function addLog(program: Command): void {
  const log = program.command("log").description("The decision log: read it, verify it. Works on a live system and on one at rest.");
  log
    .command("verify")
    .description("Reads every record from the first one and checks every invariant that a log can show. Exit code 8 at the first violation.")
    .option("--data-dir <path>", "data folder of the system", "./data")
    .option("--shard <n>", "one shard only")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nExamples:\n  fairwarning log verify\n  fairwarning log verify --data-dir /var/lib/fairwarning --json")
    .action(verify);
  log
    .command("read")
    .description("Records of one shard with their judgement (effective, or void and why), and the decisions in them.")
    .requiredOption("--shard <n>", "which shard")
    .option("--data-dir <path>", "data folder of the system", "./data")
    .option("--from <lsn>", "first lsn", "0")
    .option("--limit <n>", "records at most", String(LIMIT_DEFAULT))
    .option("--json", "one JSON document a line")
    .addHelpText("after", "\nExamples:\n  fairwarning log read --shard 7\n  fairwarning log read --shard 7 --from 1200 --limit 20 --json")
    .action(read);
}

async function openLog(dataDir: string) {
  try {
    const log = await openLocalLogReader({ dir: join(dataDir, "log") });
    return { log, codec: createRecordCodec(log.lifeId) };
  } catch (error) {
    throw new CliFailure(error instanceof Error ? error.message : String(error), EXIT.notFound);
  }
}

function wholeNumber(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max) throw new CliFailure(`${name} is a whole number from 0 to ${max}, not ${text}`, EXIT.usage);
  return value;
}

async function verify(flags: LogFlags): Promise<void> {
  const output = makeOutput(flags.json === true);
  const { log, codec } = await openLog(flags.dataDir ?? "./data");
  const shards = flags.shard === undefined ? Array.from({ length: log.shards }, (_, shard) => shard) : [wholeNumber(flags.shard, "--shard", log.shards - 1)];
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
  await log.close();
  tellVerdict(output, verdict);
  if (verdict.violation !== null) process.exitCode = EXIT.checkFailed;
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
  output.talk("Keep this folder as it is. What stands before the place holds; what stands behind it proves nothing.");
}

async function read(flags: LogFlags): Promise<void> {
  const output = makeOutput(flags.json === true);
  const { log, codec } = await openLog(flags.dataDir ?? "./data");
  const shard = wholeNumber(flags.shard ?? "0", "--shard", log.shards - 1);
  const from = wholeNumber(flags.from ?? "0", "--from", Number.MAX_SAFE_INTEGER);
  let left = wholeNumber(flags.limit ?? String(LIMIT_DEFAULT), "--limit", Number.MAX_SAFE_INTEGER);
  for await (const { record, verdict } of readShard(log, codec, shard)) {
    if (left === 0) break;
    if ("firstLsn" in record && record.firstLsn + record.count <= from) continue;
    left -= 1;
    const decisions = record.kind === "frame" && verdict.kind === "effective" ? codec.decisions(record) : [];
    if (output.json) output.document(recordDocument(record, verdict, decisions));
    else for (const line of recordLines(record, verdict, decisions)) output.line(line);
    if (verdict.kind === "broken") process.exitCode = EXIT.checkFailed;
  }
  await log.close();
}

function judgementText(verdict: Verdict): string {
  return verdict.kind === "effective" ? "effective" : `${verdict.kind}: ${verdict.reason}`;
}

function recordDocument(record: JudgedRecord, verdict: Verdict, decisions: readonly Decision[]): unknown {
  const fields = Object.entries(record)
    .filter(([name]) => name !== "payload")
    .map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value]);
  const firstLsn = "firstLsn" in record ? record.firstLsn : 0;
  return {
    ...Object.fromEntries(fields),
    judgement: judgementText(verdict),
    decisions: decisions.map((decision, i) => decisionDocument(decision, firstLsn + i)),
  };
}

/** One decision as the command line shows it: without digests, and with its lsn. */
export function decisionDocument(decision: Decision, lsn: number): unknown {
  const { keyDigest: _digest, fingerprint: _fingerprint, auctionId: _auction, body, ...command } = decision.command;
  const effects = Object.fromEntries(Object.entries(decision.effects).filter(([, effect]) => effect !== null));
  return {
    lsn,
    auctionId: decision.auctionId,
    sequence: decision.sequence,
    at: decision.at,
    epoch: decision.epoch,
    ...command,
    ...body,
    verdict: decision.verdict,
    code: decision.code,
    effects,
  };
}

function recordLines(record: JudgedRecord, verdict: Verdict, decisions: readonly Decision[]): readonly string[] {
  const place = "firstLsn" in record ? ` lsn ${record.firstLsn}${record.count > 1 ? `-${record.firstLsn + record.count - 1}` : ""} epoch ${record.epoch}` : "";
  const reason = record.kind === "time" || record.kind === "release" || record.kind === "claim" ? ` (${record.reason})` : "";
  const head = `${String(record.offset).padStart(8)}  ${record.kind}${reason}${place}  ${judgementText(verdict)}`;
  const firstLsn = "firstLsn" in record ? record.firstLsn : 0;
  return [head, ...decisions.map((decision, i) => decisionLine(decision, firstLsn + i))];
}

function decisionLine(decision: Decision, lsn: number): string {
  const { body, issuerId } = decision.command;
  const amount = "amount" in body ? ` ${body.amount}` : "";
  const { standing, ended, extended } = decision.effects;
  const price = standing === null ? "" : `  price ${standing.price ?? "-"} leader ${standing.leader ?? "-"}`;
  const more = `${extended === null ? "" : `  extended to ${new Date(extended.to).toISOString()}`}${ended === null ? "" : `  ${ended.outcome} ${ended.hammerPrice ?? "-"}`}`;
  const at = new Date(decision.at).toISOString();
  return `${" ".repeat(10)}${lsn}  ${at}  ${decision.auctionId} #${decision.sequence}  ${issuerId} ${body.type}${amount}  ${decision.verdict} ${decision.code}${price}${more}`;
}

/** The decisions of one auction, oldest first, from a data folder's log. */
export async function* decisionsOf(dataDir: string, auctionId: string): AsyncGenerator<{ readonly lsn: number; readonly decision: Decision }> {
  if (!isAuctionId(auctionId)) throw new CliFailure(`${auctionId} is no auction id`, EXIT.usage);
  const { log, codec } = await openLog(dataDir);
  const shard = shardOf(fillSlots(log.shards), auctionId);
  for await (const { record, verdict } of readShard(log, codec, shard)) {
    if (record.kind !== "frame" || verdict.kind !== "effective") continue;
    let lsn = record.firstLsn;
    for (const decision of codec.decisions(record)) {
      if (decision.auctionId === auctionId) yield { lsn, decision };
      lsn += 1;
    }
  }
  await log.close();
}
