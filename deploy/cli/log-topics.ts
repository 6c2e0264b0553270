// `fairwarning topics create | check`: makes the topic that is the decision log, and looks whether it is what safety needs.
//
// Must not: know kafkajs, or mend a topic that is wrong: what is changed on a topic that holds a log is an operator's decision.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { fillSlots, slotDigest } from "../../engine/cluster/ring.ts";
import type { EngineSettings } from "../../engine/config.ts";
import { kafkaConnection } from "../../engine/kafka-settings.ts";
import { KafkaLogRefused, KafkaUnreachable } from "../../persistence/kafka/errors.ts";
import { checkTopic, createTopic, type TopicFinding } from "../../persistence/kafka/topics.ts";
import { now } from "../clock.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { ONE_BROKER_TEXT, oneBrokerFlag, operatorSettings, topicText } from "./log-open.ts";
import { makeOutput, type Output } from "./output.ts";

interface TopicFlags {
  readonly kafka?: string;
  readonly topic?: string;
  readonly shards?: string;
  readonly oneBroker?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Adds `topics create` and `topics check`. */
export function addTopics(program: Command): void {
  const topics = program.command("topics").description("The Kafka topic that is the decision log.");
  addTopicFlags(topics.command("create"))
    .description("Makes the topic with the settings that safety needs, and writes GENESIS into every shard. Harmless where it was made already.")
    .option("--dry-run", "change nothing, show what is there")
    .addHelpText(
      "after",
      "\nExamples:\n  fairwarning topics create --kafka broker-1:9092,broker-2:9092,broker-3:9092 --shards 128\n  fairwarning topics create --kafka localhost:9092 --one-broker",
    )
    .action(create);
  addTopicFlags(topics.command("check"))
    .description("Checks the topic and its brokers, each with found, wanted and what to do. Exit code 8 if anything that safety needs fails.")
    .addHelpText("after", "\nExamples:\n  fairwarning topics check\n  fairwarning topics check --kafka broker-1:9092,broker-2:9092,broker-3:9092 --json")
    .action(check);
}

function addTopicFlags(command: Command): Command {
  return command
    .option("--kafka <brokers>", "host:port, ... of the brokers (default: FAIRWARNING_KAFKA_BROKERS)")
    .option("--topic <name>", "topic of the log (default: FAIRWARNING_KAFKA_TOPIC)")
    .option("--shards <n>", "number of shards, fixed for ever (default: FAIRWARNING_SHARDS)")
    .option("--one-broker", ONE_BROKER_TEXT)
    .option("--json", "one JSON document");
}

function settingsOf(flags: TopicFlags): EngineSettings {
  return operatorSettings({ decisionLog: "kafka", kafkaBrokers: flags.kafka, kafkaTopic: flags.topic, shards: flags.shards, ...oneBrokerFlag(flags) });
}

function topicOf(settings: EngineSettings) {
  return {
    connection: kafkaConnection(settings),
    topic: settings.kafkaTopic,
    shards: settings.shards,
    oneBroker: settings.kafkaCheck === "one-broker",
    slotDigest: slotDigest(fillSlots(settings.shards)),
  };
}

/** What is found of the topic that the settings name. Rejects with CliFailure when no broker answers. */
export async function topicFindings(settings: EngineSettings): Promise<readonly TopicFinding[]> {
  return await orFailure(checkTopic(topicOf(settings)));
}

/** Whether the log may be served: nothing that safety needs has failed. */
export function isServable(findings: readonly TopicFinding[]): boolean {
  return !findings.some(({ verdict, needed }) => needed && verdict === "fail");
}

/** How many copies the topic keeps of each record, and how many must be in sync; as the brokers say it. */
export function copiesOf(findings: readonly TopicFinding[]): { readonly copies: string; readonly minInSync: string } {
  const found = (name: string): string => findings.find(({ check: of }) => of === name)?.found ?? "unknown";
  return { copies: found("replication factor"), minInSync: found("min.insync.replicas") };
}

/** That for people. */
export function copiesText(findings: readonly TopicFinding[]): string {
  const { copies, minInSync } = copiesOf(findings);
  return `${copies} of each record (replication factor), an answer waits for ${minInSync} in sync (min.insync.replicas)`;
}

/** Tells each thing that keeps a topic from being served, which was there before and is not mended here. */
export function tellUnfit(out: Output, findings: readonly TopicFinding[]): void {
  for (const { check: name, found, wanted, advice } of findings.filter(({ verdict, needed }) => needed && verdict === "fail")) {
    out.talk(`This topic is not fit to be served yet. ${name}: found ${found}, wanted ${wanted}. ${advice}`);
  }
}

async function create(flags: TopicFlags): Promise<void> {
  const out = makeOutput(flags.json === true);
  const settings = settingsOf(flags);
  if (flags.dryRun === true) {
    const findings = await topicFindings(settings);
    tellFindings(out, settings, { findings, dryRun: true });
    return;
  }
  const { made, lifeId } = await orFailure(createTopic({ ...topicOf(settings), madeAt: now(), version: packageVersion() }));
  const life = Buffer.from(lifeId).toString("hex");
  const findings = await topicFindings(settings);
  const { copies, minInSync } = copiesOf(findings);
  if (out.json) {
    out.document({ made, topic: settings.kafkaTopic, shards: settings.shards, lifeId: life, copies, minInSync });
    return;
  }
  out.fields([
    ["topic", `${settings.kafkaTopic}, ${made ? "made" : "was there, nothing changed but shards without GENESIS"}`],
    ["shards", String(settings.shards)],
    ["life", life],
    ["copies", copiesText(findings)],
  ]);
  tellUnfit(out, findings);
  out.talk("fairwarning topics check shows whether it is fit to be served.");
}

async function check(flags: TopicFlags): Promise<void> {
  const out = makeOutput(flags.json === true);
  const settings = settingsOf(flags);
  const findings = await topicFindings(settings);
  tellFindings(out, settings, { findings, dryRun: false });
  if (!isServable(findings)) throw new CliFailure(`${topicText(settings)} cannot be the decision log: see what to do above.`, EXIT.checkFailed);
}

/** The word that stands before a finding. A fail that safety does not rest on is a warning. */
export function findingWord({ verdict, needed }: Pick<TopicFinding, "verdict" | "needed">): string {
  if (verdict === "fail") return needed ? "FAIL" : "warn";
  return verdict === "pass" ? "pass" : "not checked";
}

function tellFindings(out: Output, settings: EngineSettings, told: { readonly findings: readonly TopicFinding[]; readonly dryRun: boolean }): void {
  const { findings, dryRun } = told;
  if (out.json) {
    out.document({ topic: settings.kafkaTopic, servable: isServable(findings), ...(dryRun ? { dryRun } : {}), findings });
    return;
  }
  out.table(findings, [
    { head: "", value: findingWord },
    { head: "CHECK", value: ({ check: name }) => name },
    { head: "FOUND", value: ({ found }) => found },
    { head: "WANTED", value: ({ wanted }) => wanted },
  ]);
  for (const { check: name, verdict, advice } of findings) if (verdict !== "pass" && advice !== "") out.line(`  ${name}: ${advice}`);
}

async function orFailure<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof KafkaUnreachable) throw new CliFailure(error.message, EXIT.unreached);
    if (error instanceof KafkaLogRefused) throw new CliFailure(error.message, EXIT.conflict);
    throw error;
  }
}

/** Of package.json, whether this runs from the source or from dist. */
function packageVersion(): string {
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      return String((JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { version: string }).version);
    } catch {
      // The other place has it.
    }
  }
  return "unknown";
}
