// How an engine comes to a decision log in Kafka: waits for brokers, makes or checks the topic, opens it, or says why not.
//
// Owns: the order of these steps, the waiting, the words. Must not: import an adapter (main.ts hands the steps in) or serve.
//
// V1. A topic that is not as safety needs it is never served, and nothing here mends one.
// V2. In a cluster no topic is made by an engine: an engine with a misspelt topic would begin an empty log beside the real one.
//     On one machine it is made, unless the data folder holds a local log: then its auctions would seem to be gone.
// V3. Brokers that do not answer are waited for, with growing pauses, up to brokersWaitMs. A refusal is final at once.
import type { Timers } from "./ports.ts";

/** A cluster that is starting needs up to a minute until every partition has a leader and the groups a coordinator. */
export const BROKERS_WAIT_MS = 60_000;
const PAUSE_MS = 500;
const PAUSE_MAX_MS = 5_000;

/** What to do where the topic is not this data folder's log. `localOf`: the data folder when a local log was found in it, else null. */
export function topicRemedy(localOf: string | null): string {
  if (localOf === null) return "Make or check it with: fairwarning topics create, fairwarning topics check.";
  const move = `fairwarning log copy --from local:${localOf} --to kafka`;
  return `The auctions of this data folder are in its local log. Move them into Kafka with: ${move}. Or begin anew in another folder (FAIRWARNING_DATA_DIR, --data-dir).`;
}

/** One line of what was found of a topic, as persistence/kafka tells it. */
export interface Finding {
  readonly check: string;
  readonly found: string;
  readonly wanted: string;
  readonly verdict: "pass" | "fail" | "not checked";
  readonly needed: boolean;
  readonly advice: string;
}

/** The log cannot be served as it is: another start would say the same. The message says what to do. */
export class KafkaRefused extends Error {}

/** No broker answered for the whole time. */
export class BrokersAway extends Error {}

export interface KafkaSteps<Log> {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** A quick look whether any broker is there: what follows waits long by itself, without a word. */
  readonly reach: () => Promise<void>;
  /** Makes the topic where there is none; null where an engine may not (V2). */
  readonly make: (() => Promise<{ readonly made: boolean }>) | null;
  /** Checks the topic and opens it; null where a needed check fails. */
  readonly open: () => Promise<{ readonly log: Log | null; readonly findings: readonly Finding[] }>;
  /** Errors that no waiting mends. */
  readonly final: (error: unknown) => boolean;
  /** Said with every refusal: how the topic comes to be. */
  readonly remedy: string;
  readonly timers: Pick<Timers, "after">;
  /** 0 up to but excluding 1: spreads the tries of several engines. */
  readonly fraction: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  readonly waitMs: number;
  readonly tell: (level: "info" | "warn", event: string, text: string) => void;
}

/** The opened log. Rejects with KafkaRefused, BrokersAway, or what `final` knows. */
export async function openOnKafka<Log>(steps: KafkaSteps<Log>): Promise<Log> {
  const until = steps.elapsed() + steps.waitMs;
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)) {
    try {
      return await attempt(steps);
    } catch (error) {
      if (error instanceof KafkaRefused || steps.final(error)) throw error;
      const restMs = pauseMs * (0.5 + steps.fraction() / 2);
      const cause = error instanceof Error ? error.message : String(error);
      const names = steps.brokers.join(", ");
      if (steps.elapsed() + restMs >= until) {
        throw new BrokersAway(
          `The Kafka brokers ${names} did not answer within ${steps.waitMs / 1_000} s (${cause}). Start them, or set FAIRWARNING_KAFKA_BROKERS to where they are.`,
        );
      }
      steps.tell("warn", "brokers_away", `The Kafka brokers ${names} do not answer yet (${cause}); trying again in ${(restMs / 1_000).toFixed(1)} s.`);
      await new Promise<void>((resolve) => {
        steps.timers.after(restMs, resolve);
      });
    }
  }
}

async function attempt<Log>(steps: KafkaSteps<Log>): Promise<Log> {
  await steps.reach();
  const made = (await steps.make?.())?.made ?? false;
  if (made) steps.tell("info", "topic_made", `Topic ${steps.topic} was made: the decision log begins here.`);
  const { log, findings } = await steps.open();
  const failed = findings.filter((finding) => finding.verdict === "fail");
  const needed = failed.filter((finding) => finding.needed);
  if (log === null) throw new KafkaRefused(`Topic ${steps.topic} cannot be the decision log. ${needed.map(sentence).join(" ")} ${steps.remedy}`);
  for (const finding of failed) steps.tell("warn", "topic_finding", `Topic ${steps.topic}: ${sentence(finding)}`);
  return log;
}

function sentence({ check, found, wanted, advice }: Finding): string {
  return `${check}: found ${found}, wanted ${wanted}.${advice === "" ? "" : ` ${advice}`}`;
}
