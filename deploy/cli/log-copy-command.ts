// `fairwarning log copy`: carries a whole log from a data folder into Kafka, or back.
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { CliFailure, EXIT, type ExitCode } from "./exit.ts";
import { type CopyProgress, compareBoth, copyRecords, type ShardCopied, surveySource } from "./log-copy.ts";
import { CopyStopped } from "./log-copy-stopped.ts";
import { ONE_BROKER_TEXT, placeSettings } from "./log-open.ts";
import { openSource, openTarget, parsePlace } from "./log-places.ts";
import { copiesText, tellUnfit, topicFindings } from "./log-topics.ts";
import { makeOutput, type Output } from "./output.ts";

interface CopyFlags {
  readonly from: string;
  readonly to: string;
  readonly kafka?: string;
  readonly topic?: string;
  readonly oneBroker?: boolean;
  readonly continue?: boolean;
  readonly json?: boolean;
}

const EXPLANATION = `
Places: local:FOLDER is a data folder, kafka is the topic of the settings or of --kafka and --topic.
Every record goes over at its own offset, GENESIS with its life id included, so that claims and checkpoints stay true. The target must
be empty. Nobody may own a shard of the source: stop the system in order first. Both sides are read back and compared by SHA-256.
A copy that was interrupted is no log yet, and no engine starts on it; --continue compares what is there and goes on.
A log whose beginning was trimmed away cannot be copied: Kafka begins a topic at offset 0 only. Afterwards start a system on one of the two logs only, ever.

Examples:
  fairwarning log copy --from local:./data --to kafka --kafka broker-1:9092,broker-2:9092,broker-3:9092
  fairwarning log copy --from local:./data --to kafka --kafka localhost:9092 --one-broker
  fairwarning log copy --from kafka --to local:./data
  fairwarning log copy --from local:./data --to kafka --continue`;

/** Adds `copy` below `log`. */
export function addLogCopy(log: Command): void {
  log
    .command("copy")
    .description("Carries a whole log from a data folder into Kafka or back, record by record, and compares both sides by SHA-256.")
    .requiredOption("--from <place>", "local:FOLDER or kafka")
    .requiredOption("--to <place>", "local:FOLDER or kafka")
    .option("--kafka <brokers>", "host:port, ... of the brokers (default: FAIRWARNING_KAFKA_BROKERS)")
    .option("--topic <name>", "topic of the log (default: FAIRWARNING_KAFKA_TOPIC)")
    .option("--one-broker", ONE_BROKER_TEXT)
    .option("--continue", "go on with a copy that was interrupted")
    .option("--json", "one JSON document")
    .addHelpText("after", EXPLANATION)
    .action(copy);
}

const EXIT_CODES: Readonly<Record<CopyStopped["why"], ExitCode>> = {
  trimmed: EXIT.conflict,
  owned: EXIT.conflict,
  not_empty: EXIT.conflict,
  broken: EXIT.checkFailed,
  differs: EXIT.checkFailed,
  grew: EXIT.checkFailed,
  interrupted: EXIT.unreached,
};

async function copy(flags: CopyFlags): Promise<void> {
  const out = makeOutput(flags.json === true);
  const places = { from: parsePlace("--from", flags.from), to: parsePlace("--to", flags.to) };
  if (places.from.kind === places.to.kind) throw new CliFailure("One of --from and --to is a folder (local:FOLDER), the other is kafka.", EXIT.usage);
  const tell = progressBar(out);
  try {
    const copied = await carry(flags, places, tell.told);
    tellCopied(out, copied);
    if (places.to.kind === "kafka") await tellTopic(out, flags, copied.shards.length);
  } catch (error) {
    if (!(error instanceof CopyStopped)) throw error;
    const more = error.why === "interrupted" ? " What is there stays: the same command with --continue goes on." : "";
    throw new CliFailure(`Not copied: ${error.message}.${more}`, EXIT_CODES[error.why]);
  } finally {
    tell.stop();
  }
}

interface Copied {
  readonly from: string;
  readonly to: string;
  readonly lifeId: string;
  readonly shards: readonly ShardCopied[];
}

async function carry(
  flags: CopyFlags,
  places: { readonly from: ReturnType<typeof parsePlace>; readonly to: ReturnType<typeof parsePlace> },
  tell: (progress: CopyProgress) => void,
): Promise<Copied> {
  const source = await openSource(places.from, flags);
  try {
    const { log, codec, lifeId, shards } = source;
    const surveys = await surveySource({ log, codec, shards, tell });
    const target = await openTarget(places.to, flags, { lifeId, shards, goOn: flags.continue === true });
    try {
      await copyRecords({ source: log, target: target.log, surveys, goOn: flags.continue === true, tell });
      const copied = await compareBoth({ source: log, target: target.log, surveys, tell });
      await target.finish();
      return { from: source.where, to: target.where, lifeId: Buffer.from(lifeId).toString("hex"), shards: copied };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

function progressBar(out: Output): { readonly told: (progress: CopyProgress) => void; readonly stop: () => void } {
  if (process.stderr.isTTY !== true || out.json) return { told: () => undefined, stop: () => undefined };
  const bar = new SingleBar({ format: "{step} {bar} {percentage} %  {value} of {total} records", stream: process.stderr });
  bar.start(1, 0, { step: "" });
  return {
    told: ({ step, records, recordsTotal }) => {
      bar.setTotal(Math.max(1, recordsTotal));
      bar.update(records, { step });
    },
    stop: () => bar.stop(),
  };
}

// A topic that was there already may be empty and still not what safety needs; a copy is made all the same, an engine would refuse it.
async function tellTopic(out: Output, flags: CopyFlags, shards: number): Promise<void> {
  const findings = await topicFindings({ ...placeSettings(flags, "kafka"), shards });
  tellUnfit(out, findings);
  out.talk(`The topic keeps ${copiesText(findings)}.`);
  out.talk(`The log has ${shards} shards for ever: where another number is the default, set FAIRWARNING_SHARDS=${shards}.`);
}

function tellCopied(out: Output, copied: Copied): void {
  const records = copied.shards.reduce((sum, { end }) => sum + end, 0);
  const bytes = copied.shards.reduce((sum, shard) => sum + shard.bytes, 0);
  if (out.json) {
    out.document({ ...copied, records, bytes, equal: true });
    return;
  }
  out.table(copied.shards, [
    { head: "SHARD", value: ({ shard }) => String(shard), align: "right" },
    { head: "RECORDS", value: ({ end }) => String(end), align: "right" },
    { head: "BYTES", value: (shard) => String(shard.bytes), align: "right" },
    { head: "SHA-256 OF BOTH SIDES", value: ({ targetSha256 }) => targetSha256 },
  ]);
  out.line("");
  out.fields([
    ["from", copied.from],
    ["to", copied.to],
    ["life", copied.lifeId],
    ["records", `${records}, ${bytes} bytes, equal on both sides`],
  ]);
  out.talk("The source is as it was. From now on start a system on one of the two only: on both they would part, under one life id.");
}
