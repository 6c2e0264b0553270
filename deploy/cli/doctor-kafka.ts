// The Kafka section of `fairwarning doctor`: every finding of the topic and its brokers as a check like the others.
//
// Must not: judge. What is wanted, and whether safety rests on it, is the finding's.
import type { EngineSettings } from "../../engine/config.ts";
import type { TopicFinding } from "../../persistence/kafka/topics.ts";
import type { Check } from "./doctor-checks.ts";
import { CliFailure } from "./exit.ts";
import { topicFindings } from "./log-topics.ts";

const STATES = { pass: "ok", "not checked": "unseen" } as const;

/** Nothing where the log is kept elsewhere. Brokers that do not answer are a finding, too. */
export async function kafkaChecks(engine: EngineSettings): Promise<readonly Check[]> {
  if (engine.decisionLog !== "kafka") return [];
  try {
    return (await topicFindings(engine)).map(kafkaCheck);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    if (!(error instanceof CliFailure)) return [{ name: "Kafka", state: "fail", found, wanted: "can be asked", fix: "See FAIRWARNING_KAFKA_*." }];
    return [{ name: "Kafka", state: "fail", found, wanted: "brokers that answer", fix: "Start them, or mend FAIRWARNING_KAFKA_BROKERS." }];
  }
}

/** A finding as a check. What fails without safety resting on it is a warning. */
export function kafkaCheck({ check, verdict, needed, found, wanted, advice }: TopicFinding): Check {
  const state = verdict === "fail" ? (needed ? "fail" : "warn") : STATES[verdict];
  return { name: `Kafka: ${check}`, state, found, wanted, fix: advice };
}
