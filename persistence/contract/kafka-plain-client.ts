// kafkajs as its authors give it, without our settings: what tests of the servers themselves speak through, so that they do not
// lean on the adapter that is proven against those servers.
// biome-ignore lint/style/noRestrictedImports: a test of the test servers must not go through the adapter; this file is its only way to the library.
import { type Admin, Kafka, logLevel, type Producer } from "kafkajs";

export interface PlainClient {
  readonly admin: Admin;
  /** One request a call, never repeated; it fails after 1.5 s by the broker and 2.5 s by the client. */
  send(topic: string, value: string): Promise<void>;
  /** Records of partition 0 so far. */
  length(topic: string): Promise<number>;
  close(): Promise<void>;
}

const ACKS_MS_MAX = 1_500;
const REQUEST_MS_MAX = 2_500;

/** A connected client. Admin calls are repeated while a cluster gathers itself. */
export async function plainClient(brokers: readonly string[]): Promise<PlainClient> {
  const shared = { clientId: "test", brokers: [...brokers], logLevel: logLevel.NOTHING, requestTimeout: REQUEST_MS_MAX };
  const admin = new Kafka({ ...shared, retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 500 } }).admin();
  await admin.connect();
  const producer: Producer = new Kafka({ ...shared, retry: { retries: 0 } }).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const send = async (topic: string, value: string): Promise<void> => {
    await producer.send({ topic, acks: -1, timeout: ACKS_MS_MAX, messages: [{ value, partition: 0 }] });
  };
  const length = async (topic: string): Promise<number> => {
    const [end] = await admin.fetchTopicOffsets(topic);
    return Number(end?.high);
  };
  const close = async (): Promise<void> => {
    await producer.disconnect();
    await admin.disconnect();
  };
  return { admin, send, length, close };
}

/** The innermost error of a failed call: its Kafka type, its system code, or its words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  if ("type" in error) return String(error.type);
  return "code" in error ? String(error.code) : error.message;
}
