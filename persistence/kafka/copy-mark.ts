// The mark that a copy into a topic is unfinished: a topic of its own beside it that holds one record until the copy is whole.
//
// Owns: the mark's name and life. Must not: look into the topic that is marked.
//
// N1. What stands in the topic of an unfinished copy is a true beginning of a log, and no reader can tell that there was more: an engine
//     on it would serve an old history. So the mark is durable before the first record is, and nobody makes, opens or checks a marked
//     topic as a log.
// N2. The mark is taken away by forgetting its record, which needs no right to delete a topic; the empty topic is then deleted where that
//     is allowed.
import type { Admin } from "./client.ts";

/** The topic that marks another. */
export function copyMarkOf(topic: string): string {
  return `${topic}-copying`;
}

/** Whether a copy into the topic is unfinished. */
export async function copyUnfinished(admin: Pick<Admin, "listTopics" | "fetchTopicOffsets">, topic: string): Promise<boolean> {
  const mark = copyMarkOf(topic);
  if (!(await admin.listTopics()).includes(mark)) return false;
  return (await admin.fetchTopicOffsets(mark)).some(({ low, high }) => Number(low) < Number(high));
}

/** Takes the mark away (N2). */
export async function forgetCopyMark(admin: Pick<Admin, "fetchTopicOffsets" | "deleteTopicRecords" | "deleteTopics">, topic: string): Promise<void> {
  const mark = copyMarkOf(topic);
  const [place] = await admin.fetchTopicOffsets(mark);
  if (place !== undefined) await admin.deleteTopicRecords({ topic: mark, partitions: [{ partition: 0, offset: place.high }] });
  // A cluster may forbid this, and should: an empty mark says nothing.
  await admin.deleteTopics({ topics: [mark] }).catch(() => undefined);
}
