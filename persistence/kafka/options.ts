// How to reach a Kafka cluster, and the limits of everything that waits on it.
import type { ConnectionOptions } from "node:tls";

/** SASL as the cluster wants it. */
export interface KafkaSasl {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
}

export interface KafkaConnection {
  /** `host:port` of some of the brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Names this process in the broker's own log. */
  readonly clientId: string;
  /** TLS: true, or options of node:tls (a CA of one's own, a client certificate). Absent or false: plain. */
  readonly ssl?: boolean | ConnectionOptions;
  readonly sasl?: KafkaSasl;
  /** K5: how long the broker waits for its in-sync replicas before it gives up. Default 1,500. */
  readonly appendTimeoutMs?: number;
  /** K5: how long a request waits for its answer; above `appendTimeoutMs`, so that the broker gives up first. Default 3,000. */
  readonly requestTimeoutMs?: number;
}

/** One line to the process log. */
export type Say = (level: "info" | "warn" | "error", event: string, fields: Record<string, unknown>) => void;

/** The broker gives up before the client does (K5), so that a slow replica has a name. */
export const appendTimeoutMsDefault = 1_500;
export const requestTimeoutMsDefault = 3_000;
